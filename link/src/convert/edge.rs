//! What becomes of requests before they are demand.

use ipnet::IpNet;
use rouse_api::workload as api;

use super::Malformed;
use super::field::{address, each, name};
use super::http::{read_header, read_service, write_header, write_service};
use crate::wire;

type Result<T> = std::result::Result<T, Malformed>;

/// A bound on what one side can make the other keep of a text.
const LONGEST_TEXT: usize = 64 << 10;

pub(super) fn write_rule(rule: &api::Rule) -> wire::Rule {
    use wire::rule::Action;
    let api::RuleMatch {
        methods,
        path_prefixes,
        headers,
        user_agents,
        source_addresses,
    } = &rule.matches;
    wire::Rule {
        methods: methods.clone(),
        path_prefixes: path_prefixes.iter().map(ToString::to_string).collect(),
        headers: headers.iter().map(write_header).collect(),
        user_agents: user_agents.clone(),
        source_addresses: source_addresses.iter().map(ToString::to_string).collect(),
        action: Some(match &rule.action {
            api::RuleAction::Respond(respond) => Action::Respond(write_respond(respond)),
            api::RuleAction::NoWake(respond) => Action::NoWake(wire::NoWake {
                respond: respond.as_ref().map(write_respond),
            }),
            api::RuleAction::Wake => Action::Wake(wire::Present {}),
        }),
    }
}

/// `None`: an action that isn't known here.
pub(super) fn read_rule(rule: wire::Rule) -> Result<Option<api::Rule>> {
    use wire::rule::Action;
    let Some(action) = rule.action else {
        return Ok(None);
    };
    let path = |text: String| {
        api::PathPrefix::parse(&text)
            .map_err(|error| Malformed::new("http.rules.path_prefixes", error.to_string()))
    };
    let network = |text: String| {
        text.parse::<IpNet>().map_err(|_| {
            let problem = format!("{text:?} is not a network; it must be address/length");
            Malformed::new("http.rules.source_addresses", problem)
        })
    };
    let respond = |respond| read_respond("http.rules.respond", respond);
    Ok(Some(api::Rule {
        matches: api::RuleMatch {
            methods: rule.methods,
            path_prefixes: each(rule.path_prefixes, path)?,
            headers: each(rule.headers, |header| {
                read_header("http.rules.headers", header)
            })?,
            user_agents: rule.user_agents,
            source_addresses: each(rule.source_addresses, network)?,
        },
        action: match action {
            Action::Respond(answer) => api::RuleAction::Respond(respond(answer)?),
            Action::NoWake(rule) => api::RuleAction::NoWake(rule.respond.map(respond).transpose()?),
            Action::Wake(_) => api::RuleAction::Wake,
        },
    }))
}

fn write_respond(respond: &api::Respond) -> wire::Respond {
    let header = |(name, value): &(String, String)| wire::NameValue {
        name: name.clone(),
        value: value.clone(),
    };
    wire::Respond {
        status: u32::from(respond.status),
        headers: respond.headers.iter().map(header).collect(),
        body: respond.body.clone(),
    }
}

fn read_respond(field: &'static str, respond: wire::Respond) -> Result<api::Respond> {
    if respond.body.len() > LONGEST_TEXT {
        let problem = format!(
            "its body has {} bytes; at most {LONGEST_TEXT}",
            respond.body.len()
        );
        return Err(Malformed::new(field, problem));
    }
    Ok(api::Respond {
        status: status(field, respond.status)?,
        headers: each(respond.headers, |header| {
            name(field, &header.name)?;
            Ok((header.name, header.value))
        })?,
        body: respond.body,
    })
}

fn status(field: &'static str, status: u32) -> Result<u16> {
    match u16::try_from(status) {
        Ok(status @ 200..=599) => Ok(status),
        _ => Err(Malformed::new(
            field,
            format!("{status} is not a status; from 200 to 599"),
        )),
    }
}

pub(super) fn write_wake_requires(requires: &api::WakeRequires) -> wire::WakeRequires {
    wire::WakeRequires {
        headers: requires.headers.clone(),
        status: u32::from(requires.status),
    }
}

pub(super) fn read_wake_requires(requires: wire::WakeRequires) -> Result<api::WakeRequires> {
    Ok(api::WakeRequires {
        status: status("http.wake_requires.status", requires.status)?,
        headers: requires.headers,
    })
}

pub(super) fn write_while_waking(mode: &api::WhileWaking) -> Option<wire::WhileWaking> {
    use wire::while_waking::Mode;
    let mode = match mode {
        api::WhileWaking::Hold => return None,
        api::WhileWaking::Page => Mode::Page(wire::Present {}),
        api::WhileWaking::Fallback(service) => Mode::Fallback(write_service(service)),
        api::WhileWaking::Respond(respond) => Mode::Respond(write_respond(respond)),
    };
    Some(wire::WhileWaking { mode: Some(mode) })
}

pub(super) fn read_while_waking(mode: Option<wire::WhileWaking>) -> Result<api::WhileWaking> {
    use wire::while_waking::Mode;
    Ok(match mode.and_then(|mode| mode.mode) {
        None => api::WhileWaking::Hold,
        Some(Mode::Page(_)) => api::WhileWaking::Page,
        Some(Mode::Fallback(service)) => api::WhileWaking::Fallback(read_service(service)?),
        Some(Mode::Respond(respond)) => {
            api::WhileWaking::Respond(read_respond("http.while_waking.respond", respond)?)
        }
    })
}

pub(super) fn write_protocol(protocol: api::Protocol) -> wire::Protocol {
    match protocol {
        api::Protocol::Auto => wire::Protocol::Auto,
        api::Protocol::Http1 => wire::Protocol::Http1,
        api::Protocol::H2c => wire::Protocol::H2c,
    }
}

pub(super) fn read_protocol(protocol: wire::Protocol) -> api::Protocol {
    match protocol {
        wire::Protocol::Auto => api::Protocol::Auto,
        wire::Protocol::Http1 => api::Protocol::Http1,
        wire::Protocol::H2c => api::Protocol::H2c,
    }
}

/// Those that are known here, in their order.
pub(super) fn read_rules(rules: Vec<wire::Rule>) -> Result<Vec<api::Rule>> {
    Ok(each(rules, read_rule)?.into_iter().flatten().collect())
}

pub(super) fn read_fallback(fallback: &wire::Fallback) -> Result<rouse_api::link::Fallback> {
    let protocol = match read_protocol(fallback.protocol()) {
        // To a proxy that is HTTP/1.1.
        api::Protocol::Auto => api::Protocol::Http1,
        protocol => protocol,
    };
    Ok(rouse_api::link::Fallback {
        address: address("state.fallback.address", &fallback.address)?,
        protocol,
    })
}
