//! Just enough of WebSocket's framing (RFC 6455 section 5.2) to say goodbye between two frames.

/// Follows one direction of a WebSocket and knows when it is between frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; 14],
    have: usize,
    payload: u64,
}

impl Frames {
    /// Takes bytes as they pass.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let skip = usize::try_from(self.payload)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.payload -= skip as u64;
                bytes = &bytes[skip..];
                continue;
            }
            if let Some(place) = self.head.get_mut(self.have) {
                *place = bytes[0];
                self.have += 1;
            }
            bytes = &bytes[1..];
            if self.have >= 2 && self.have == self.head_length() {
                self.payload = self.payload_length();
                self.have = 0;
            }
        }
    }

    /// Between two frames: here a frame of one's own can go out.
    pub(super) fn at_border(&self) -> bool {
        self.have == 0 && self.payload == 0
    }

    fn head_length(&self) -> usize {
        let extended = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if self.head[1] & 0x80 == 0 { 0 } else { 4 }
    }

    fn payload_length(&self) -> u64 {
        match self.head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.head[2], self.head[3]])),
            127 => self.head[2..10]
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
            short => u64::from(short),
        }
    }
}

/// A Close frame with 1001 "going away", from a server.
pub(super) const CLOSE_TO_CLIENT: [u8; 4] = [0x88, 0x02, 0x03, 0xe9];
/// The same from a client: masked, here with zeros.
pub(super) const CLOSE_TO_SERVER: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_found_however_the_bytes_are_cut() {
        let mut wire = vec![0x81, 0x02, b'h', b'i'];
        wire.extend([0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4]);
        wire.extend([7; 256]);
        let long = 70_000_u64;
        wire.extend([0x82, 127]);
        wire.extend(long.to_be_bytes());
        wire.extend(vec![9; 70_000]);
        wire.extend([0x89, 0x80, 1, 2, 3, 4]);
        let borders = [0, 4, 4 + 8 + 256, 4 + 8 + 256 + 10 + 70_000, wire.len()];
        let mut frames = Frames::default();
        for (at, byte) in wire.iter().enumerate() {
            assert_eq!(frames.at_border(), borders.contains(&at), "at {at}");
            frames.pass(&[*byte]);
        }
        assert!(frames.at_border());
        let mut whole = Frames::default();
        whole.pass(&wire);
        assert!(whole.at_border());
        whole.pass(&wire[..3]);
        assert!(!whole.at_border());
    }
}
