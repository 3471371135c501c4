//! The PROXY protocol, versions 1 and 2 (haproxy.org/download/3.2/doc/proxy-protocol.txt): what stands before a connection tells whose
//! it is. It is read from named peers alone, on listeners that say so, and there it must come.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// A line of version 1 at most, with its end.
const LONGEST_LINE: usize = 107;
/// Of version 2: addresses are 216 bytes at most, and what is told beside them (certificates' names, say) is not much more.
const LONGEST_PART: usize = 4 << 10;

/// What the peer says of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Announced {
    /// Whose it is; `None`: the peer's own (a health check of it), or not told.
    pub(super) source: Option<SocketAddr>,
    /// It came to the peer over TLS.
    pub(super) tls: bool,
}

/// Reads it, and not a byte more. The caller sets the deadline.
///
/// # Errors
/// When it isn't there, or is not what either version allows.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Announced> {
    let mut begin = [0; SIGNATURE.len()];
    stream.read_exact(&mut begin).await?;
    if begin == *SIGNATURE {
        return second(stream).await;
    }
    let mut line = begin.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE || !line.starts_with(b"PROXY ") {
            return Err(malformed());
        }
        line.push(stream.read_u8().await?);
    }
    first(&line).ok_or_else(malformed)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not the PROXY protocol")
}

/// A line: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`.
fn first(line: &[u8]) -> Option<Announced> {
    let line = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
    let mut words = line.split(' ');
    if words.next() != Some("PROXY") {
        return None;
    }
    let version = match words.next()? {
        "UNKNOWN" => return Some(Announced::default()),
        "TCP4" => 4,
        "TCP6" => 6,
        _ => return None,
    };
    let mut address = || -> Option<IpAddr> { words.next()?.parse().ok() };
    let (source, destination) = (address()?, address()?);
    let mut port = || -> Option<u16> {
        let digits = words.next()?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain)
    };
    let (from, _) = (port()?, port()?);
    let fits = |ip: &IpAddr| ip.is_ipv4() == (version == 4);
    (words.next().is_none() && fits(&source) && fits(&destination)).then(|| Announced {
        source: Some(SocketAddr::new(source, from)),
        tls: false,
    })
}

/// What follows the signature: version and command, family and protocol, a length, and so many bytes.
async fn second(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Announced> {
    let (command, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = usize::from(stream.read_u16().await?);
    if length > LONGEST_PART {
        return Err(malformed());
    }
    let mut part = vec![0; length];
    stream.read_exact(&mut part).await?;
    match command {
        // LOCAL: the peer's own connection; what follows means nothing.
        0x20 => Ok(Announced::default()),
        0x21 => proxied(family, &part).ok_or_else(malformed),
        _ => Err(malformed()),
    }
}

fn proxied(family: u8, part: &[u8]) -> Option<Announced> {
    let (source, rest) = match family {
        // TCP over IPv4, over IPv6.
        0x11 => {
            let (addresses, rest) = part.split_first_chunk::<12>()?;
            let [a, b, c, d, _, _, _, _, high, low, ..] = *addresses;
            let ip = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
            (
                Some(SocketAddr::new(ip, u16::from_be_bytes([high, low]))),
                rest,
            )
        }
        0x21 => {
            let (addresses, rest) = part.split_first_chunk::<36>()?;
            let (ip, _) = addresses.split_first_chunk::<16>()?;
            let port = u16::from_be_bytes([addresses[32], addresses[33]]);
            (
                Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(*ip)), port)),
                rest,
            )
        }
        // Not told, or nothing that has an address here.
        _ => return Some(Announced::default()),
    };
    Some(Announced {
        source,
        tls: is_tls(rest)?,
    })
}

/// Looks for what is told about TLS (`PP2_TYPE_SSL`, its `client` field). `None`: it is cut off.
fn is_tls(mut parts: &[u8]) -> Option<bool> {
    const SSL: u8 = 0x20;
    const CLIENT_SSL: u8 = 0x01;
    while let Some(([kind, high, low], rest)) = parts.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let value = rest.get(..length)?;
        if *kind == SSL {
            return Some(value.first()? & CLIENT_SSL != 0);
        }
        parts = &rest[length..];
    }
    parts.is_empty().then_some(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn read_all(bytes: &[u8]) -> (io::Result<Announced>, usize) {
        let mut rest = bytes;
        let read = read(&mut rest).await;
        (read, rest.len())
    }

    async fn told(bytes: &[u8]) -> Option<Announced> {
        read_all(bytes).await.0.ok()
    }

    fn from(address: &str) -> Option<Announced> {
        Some(Announced {
            source: Some(address.parse().unwrap()),
            tls: false,
        })
    }

    /// Of version 2.
    fn part(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    const IPV4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];

    #[tokio::test]
    async fn lines_of_version_1() {
        for (line, wanted) in [
            (
                "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n",
                from("192.0.2.1:56324"),
            ),
            (
                "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n",
                from("[2001:db8::1]:56324"),
            ),
            ("PROXY UNKNOWN\r\n", Some(Announced::default())),
            (
                "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
                Some(Announced::default()),
            ),
            ("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", None),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n", None),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 1 99999\r\n", None),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n", None),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n", None),
            ("PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n", None),
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", None),
        ] {
            assert_eq!(told(line.as_bytes()).await, wanted, "{line:?}");
        }
        let endless = format!("PROXY TCP4 {}", "1".repeat(500));
        assert_eq!(told(endless.as_bytes()).await, None);
    }

    #[tokio::test]
    async fn parts_of_version_2() {
        let ipv6 = [
            &[0x20, 1, 0xd, 0xb8][..],
            &[0; 11],
            &[1],
            &[0; 16],
            &[0xdc, 4, 1, 0xbb],
        ]
        .concat();
        let ssl = |client: u8| {
            [
                IPV4,
                &[0x01, 0, 2, b'h', b'2', 0x20, 0, 5, client, 0, 0, 0, 0],
            ]
            .concat()
        };
        for (bytes, wanted) in [
            (part(0x21, 0x11, IPV4), from("192.0.2.1:56324")),
            (part(0x21, 0x21, &ipv6), from("[2001:db8::1]:56324")),
            (part(0x20, 0x00, &[]), Some(Announced::default())),
            (part(0x20, 0x11, IPV4), Some(Announced::default())),
            (part(0x21, 0x31, &[0; 216]), Some(Announced::default())),
            (part(0x21, 0x11, &ssl(0)), from("192.0.2.1:56324")),
            (part(0x21, 0x11, &IPV4[..11]), None),
            (part(0x11, 0x11, IPV4), None),
            (part(0x22, 0x11, IPV4), None),
            (part(0x21, 0x11, &[IPV4, &[1, 0, 9]].concat()), None),
            (part(0x21, 0x11, &[0; 5000]), None),
        ] {
            assert_eq!(told(&bytes).await, wanted, "{bytes:?}");
        }
        assert!(told(&part(0x21, 0x11, &ssl(1))).await.unwrap().tls);
    }

    #[tokio::test]
    async fn not_a_byte_more_is_taken() {
        for head in [
            b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".to_vec(),
            part(0x21, 0x11, IPV4),
        ] {
            let (read, left) = read_all(&[&head[..], b"GET /"].concat()).await;
            assert!(read.is_ok() && left == 5);
            assert!(told(&head[..head.len() - 1]).await.is_none(), "cut off");
        }
    }

    proptest! {
        #[test]
        fn anything_may_come(bytes in proptest::collection::vec(any::<u8>(), 0..200), second in any::<bool>()) {
            let bytes = if second { [&SIGNATURE[..], &bytes].concat() } else { bytes };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(told(&bytes));
        }
    }
}
