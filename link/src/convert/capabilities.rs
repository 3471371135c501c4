//! What a proxy can do beyond the first version of the protocol: words, of which those that aren't known say nothing.

use rouse_api::link::Capabilities;

const PERMITS: &str = "permits";

pub(crate) fn write_capabilities(capabilities: Capabilities) -> Vec<String> {
    let words = [(PERMITS, capabilities.permits)];
    let can = words.into_iter().filter(|(_, can)| *can);
    can.map(|(word, _)| word.to_owned()).collect()
}

pub(crate) fn read_capabilities(words: &[String]) -> Capabilities {
    Capabilities {
        permits: words.iter().any(|word| word == PERMITS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_arrive_as_they_were_and_others_say_nothing() {
        for permits in [false, true] {
            let can = Capabilities { permits };
            let mut words = write_capabilities(can);
            words.insert(0, "telepathy".to_owned());
            assert_eq!(read_capabilities(&words), can);
        }
    }
}
