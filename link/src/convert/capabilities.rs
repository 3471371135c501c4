//! What a proxy can do beyond the first version of the protocol: words, of which those that aren't known say nothing.

use rouse_api::link::Capabilities;

const PERMITS: &str = "permits";
const TLS: &str = "upstream-tls";

pub(crate) fn write_capabilities(capabilities: Capabilities) -> Vec<String> {
    let words = [(PERMITS, capabilities.permits), (TLS, capabilities.tls)];
    let can = words.into_iter().filter(|(_, can)| *can);
    can.map(|(word, _)| word.to_owned()).collect()
}

pub(crate) fn read_capabilities(words: &[String]) -> Capabilities {
    let can = |word: &str| words.iter().any(|one| one == word);
    Capabilities {
        permits: can(PERMITS),
        tls: can(TLS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_arrive_as_they_were_and_others_say_nothing() {
        for (permits, tls) in [(false, false), (true, false), (false, true), (true, true)] {
            let can = Capabilities { permits, tls };
            let mut words = write_capabilities(can);
            words.insert(0, "telepathy".to_owned());
            assert_eq!(read_capabilities(&words), can);
        }
    }
}
