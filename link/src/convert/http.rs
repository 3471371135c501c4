//! Routed workloads.

use std::num::NonZeroU32;
use std::sync::Arc;

use rouse_api::link::RoutedWorkload;
use rouse_api::workload as api;

use super::Malformed;
use super::edge::{
    read_protocol, read_rules, read_wake_requires, read_while_waking, write_protocol, write_rule,
    write_wake_requires, write_while_waking,
};
use super::field::{amount, each, name, port, read_duration, required, workload, write_duration};
use super::tls::{read_tls, write_tls};
use crate::wire;

type Result<T> = std::result::Result<T, Malformed>;

pub(crate) fn write_routed(routed: &RoutedWorkload) -> wire::RoutedWorkload {
    wire::RoutedWorkload {
        id: routed.id.as_str().to_owned(),
        rank: routed.rank,
        http: Some(write_http(&routed.http)),
    }
}

pub(crate) fn read_routed(routed: wire::RoutedWorkload) -> Result<RoutedWorkload> {
    Ok(RoutedWorkload {
        id: workload("routes.upserts.id", &routed.id)?,
        rank: routed.rank,
        http: Arc::new(read_http(required("routes.upserts.http", routed.http)?)?),
    })
}

fn write_http(http: &api::Http) -> wire::Http {
    use api::{Dial, Readiness};
    wire::Http {
        routes: http.routes.iter().map(write_route).collect(),
        service: http.service.as_ref().map(write_service),
        protocol: write_protocol(http.protocol).into(),
        readiness: match http.readiness {
            Readiness::Auto => wire::Readiness::Auto,
            Readiness::Kubelet => wire::Readiness::Kubelet,
        }
        .into(),
        dial: match http.dial {
            Dial::Pod => wire::Dial::Pod,
            Dial::Service => wire::Dial::Service,
        }
        .into(),
        concurrency_per_replica: http.concurrency_per_replica,
        concurrency_limit: http.concurrency_limit.map(NonZeroU32::get),
        request_rate_per_replica: http.request_rate_per_replica,
        hold: Some(wire::Hold {
            timeout_ns: write_duration(http.hold.timeout),
            max_requests: http.hold.max_requests,
            max_bytes: http.hold.max_bytes,
        }),
        timeouts: Some(wire::Timeouts {
            connect_ns: write_duration(http.timeouts.connect),
            response_header_ns: write_duration(http.timeouts.response_header),
            idle_ns: write_duration(http.timeouts.idle),
        }),
        rules: http.rules.iter().map(write_rule).collect(),
        wake_requires: http.wake_requires.as_ref().map(write_wake_requires),
        while_waking: write_while_waking(&http.while_waking),
        tls: write_tls(&http.tls),
        front: http.front.as_ref().map(|front| wire::Front {
            service: Some(write_service(&front.service)),
            listen: front.listen.map_or(0, u32::from),
        }),
    }
}

fn read_http(http: wire::Http) -> Result<api::Http> {
    use api::{Dial, Readiness};
    let protocol = read_protocol(http.protocol());
    let readiness = match http.readiness() {
        wire::Readiness::Auto => Readiness::Auto,
        wire::Readiness::Kubelet => Readiness::Kubelet,
    };
    let dial = match http.dial() {
        wire::Dial::Pod => Dial::Pod,
        wire::Dial::Service => Dial::Service,
    };
    let ratio = |field, value: Option<f64>| value.map(|value| amount(field, value)).transpose();
    let limit = |limit| {
        let problem = "is 0; leave it out for no limit";
        NonZeroU32::new(limit).ok_or_else(|| Malformed::new("http.concurrency_limit", problem))
    };
    let hold = required("http.hold", http.hold)?;
    let timeouts = required("http.timeouts", http.timeouts)?;
    Ok(api::Http {
        routes: each(http.routes, read_route)?,
        service: http.service.map(read_service).transpose()?,
        protocol,
        readiness,
        dial,
        concurrency_per_replica: ratio(
            "http.concurrency_per_replica",
            http.concurrency_per_replica,
        )?,
        concurrency_limit: http.concurrency_limit.map(limit).transpose()?,
        request_rate_per_replica: ratio(
            "http.request_rate_per_replica",
            http.request_rate_per_replica,
        )?,
        hold: api::Hold {
            timeout: read_duration(hold.timeout_ns),
            max_requests: hold.max_requests,
            max_bytes: hold.max_bytes,
        },
        timeouts: api::Timeouts {
            connect: read_duration(timeouts.connect_ns),
            response_header: read_duration(timeouts.response_header_ns),
            idle: read_duration(timeouts.idle_ns),
        },
        rules: read_rules(http.rules)?,
        wake_requires: http.wake_requires.map(read_wake_requires).transpose()?,
        while_waking: read_while_waking(http.while_waking)?,
        tls: read_tls(http.tls),
        front: http.front.map(read_front).transpose()?,
    })
}

fn read_front(front: wire::Front) -> Result<api::Front> {
    let listen = Some(front.listen).filter(|listen| *listen != 0);
    Ok(api::Front {
        service: read_service(required("http.front.service", front.service)?)?,
        listen: listen
            .map(|listen| port("http.front.listen", listen))
            .transpose()?,
    })
}

fn write_route(route: &api::Route) -> wire::Route {
    wire::Route {
        hosts: route.hosts.iter().map(ToString::to_string).collect(),
        path_prefixes: route
            .path_prefixes
            .iter()
            .map(ToString::to_string)
            .collect(),
        headers: route.headers.iter().map(write_header).collect(),
    }
}

pub(super) fn write_header((name, matches): &(String, api::HeaderMatch)) -> wire::Header {
    wire::Header {
        name: name.clone(),
        r#match: Some(match matches {
            api::HeaderMatch::Present => wire::header::Match::Present(wire::Present {}),
            api::HeaderMatch::Exact(value) => wire::header::Match::Exact(value.clone()),
        }),
    }
}

fn read_route(route: wire::Route) -> Result<api::Route> {
    let host = |text: String| {
        api::HostPattern::parse(&text)
            .map_err(|error| Malformed::new("http.routes.hosts", error.to_string()))
    };
    let path = |text: String| {
        api::PathPrefix::parse(&text)
            .map_err(|error| Malformed::new("http.routes.path_prefixes", error.to_string()))
    };
    Ok(api::Route {
        hosts: each(route.hosts, host)?,
        path_prefixes: each(route.path_prefixes, path)?,
        headers: each(route.headers, |header| {
            read_header("http.routes.headers", header)
        })?,
    })
}

pub(super) fn read_header(
    field: &'static str,
    header: wire::Header,
) -> Result<(String, api::HeaderMatch)> {
    // With one condition less it would take requests that are not its own.
    let matches = match required(field, header.r#match)? {
        wire::header::Match::Present(_) => api::HeaderMatch::Present,
        wire::header::Match::Exact(value) => api::HeaderMatch::Exact(value),
    };
    name(field, &header.name)?;
    Ok((header.name, matches))
}

pub(super) fn write_service(service: &api::Service) -> wire::Service {
    wire::Service {
        name: service.name.clone(),
        port: service.port.as_ref().map(|port| match port {
            api::ServicePort::Name(name) => wire::service::Port::PortName(name.clone()),
            api::ServicePort::Number(number) => wire::service::Port::PortNumber(u32::from(*number)),
        }),
    }
}

pub(super) fn read_service(service: wire::Service) -> Result<api::Service> {
    let read_port = |read| match read {
        wire::service::Port::PortName(name) => Ok(api::ServicePort::Name(name)),
        wire::service::Port::PortNumber(number) => {
            port("http.service.port_number", number).map(api::ServicePort::Number)
        }
    };
    Ok(api::Service {
        port: service.port.map(read_port).transpose()?,
        name: service.name,
    })
}
