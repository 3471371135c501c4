//! Who asks, in few words.

use http::header::{self, HeaderMap};
use rouse_api::link::Caller;

/// Made for the request that wakes a workload, and for no other.
pub(crate) fn caller(method: &str, host: &str, headers: &HeaderMap) -> Caller {
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    Caller {
        method: word(method),
        host: crate::route::normal_host(host)
            .chars()
            .filter(char::is_ascii_graphic)
            .take(Caller::LONGEST_HOST)
            .collect(),
        agent: word(product(agent.unwrap_or_default())),
    }
}

/// The name of the product: what calls itself compatible says which it is, and browsers all call themselves `Mozilla`.
fn product(agent: &str) -> &str {
    let name = match agent.strip_prefix("Mozilla/") {
        None => agent,
        Some(rest) => match rest.split_once("compatible;") {
            None => return "browser",
            Some((_, name)) => name,
        },
    };
    let name = name.trim_start_matches([' ', '+', '(']);
    match name.split(['/', ' ', ';', ',', '(']).next() {
        None | Some("") => "unknown",
        Some(name) => name,
    }
}

fn word(text: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars()
        .filter(allowed)
        .take(Caller::LONGEST_WORD)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agents_are_told_by_their_product() {
        for (agent, wanted) in [
            ("curl/8.11.0", "curl"),
            ("kube-probe/1.32", "kube-probe"),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
                "browser",
            ),
            (
                "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
                "UptimeRobot",
            ),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "Googlebot",
            ),
            ("Go-http-client/1.1", "Go-http-client"),
            ("<script>alert(1)</script>", "scriptalert"),
            ("", "unknown"),
            ("/", "unknown"),
        ] {
            assert_eq!(word(product(agent)), wanted, "{agent}");
        }
    }

    #[test]
    fn what_a_client_writes_is_cut() {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, "x".repeat(500).parse().unwrap());
        let told = caller(&"M".repeat(99), &"h".repeat(999), &headers);
        assert_eq!(told.method.len(), Caller::LONGEST_WORD);
        assert_eq!(told.agent.len(), Caller::LONGEST_WORD);
        assert_eq!(told.host.len(), Caller::LONGEST_HOST);
        let plain = caller("GET", "Hello.Example.com:8080", &HeaderMap::new());
        assert_eq!(plain.to_string(), "GET hello.example.com by unknown");
    }
}
