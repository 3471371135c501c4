//! From a question to its answer. Pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};

use crate::network::DOMAIN;
use crate::services::table::{Key, Table};

/// Seconds. Answers change with every wake.
const TTL: u32 = 1;
/// What a client takes over UDP that doesn't say (RFC 1035).
const PLAIN: usize = 512;

/// None: it is no question, and gets no answer.
pub(super) fn tcp(question: &[u8], table: &Table) -> Option<Vec<u8>> {
    let question = read(question)?;
    answer(&question, table).to_vec().ok()
}

/// As [`tcp`], cut to what the client takes: it then asks again over TCP.
pub(super) fn udp(question: &[u8], table: &Table) -> Option<Vec<u8>> {
    let question = read(question)?;
    let room = question
        .edns
        .as_ref()
        .map_or(PLAIN, |edns| usize::from(edns.max_payload()).max(PLAIN));
    let answer = answer(&question, table);
    let bytes = answer.to_vec().ok()?;
    if bytes.len() <= room {
        return Some(bytes);
    }
    answer.truncate().to_vec().ok()
}

fn read(bytes: &[u8]) -> Option<Message> {
    let message = Message::from_vec(bytes).ok()?;
    (message.metadata.message_type == MessageType::Query).then_some(message)
}

fn answer(question: &Message, table: &Table) -> Message {
    let asked = &question.metadata;
    let mut answer = Message::response(asked.id, asked.op_code);
    answer.metadata.recursion_desired = asked.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.authoritative = true;
    answer.add_queries(question.queries.iter().cloned());
    answer.metadata.response_code = match question.queries.as_slice() {
        _ if asked.op_code != OpCode::Query => ResponseCode::NotImp,
        [query] => match addresses(query, table) {
            Some(addresses) => {
                answer.add_answers(records(query, addresses));
                ResponseCode::NoError
            }
            None => ResponseCode::NXDomain,
        },
        _ => ResponseCode::FormErr,
    };
    answer
}

/// Only A records; a name that exists has none of another type.
fn records(query: &Query, addresses: BTreeSet<Ipv4Addr>) -> Vec<Record> {
    if !matches!(query.query_type(), RecordType::A | RecordType::ANY) {
        return Vec::new();
    }
    let record = |address| Record::from_rdata(query.name().clone(), TTL, RData::A(A(address)));
    addresses.into_iter().map(record).collect()
}

/// None: there is no such name.
fn addresses(query: &Query, table: &Table) -> Option<BTreeSet<Ipv4Addr>> {
    let name = query.name().to_lowercase().to_ascii();
    let name = name.trim_end_matches('.');
    let name = name
        .strip_suffix(DOMAIN)
        .map_or(name, |name| name.trim_end_matches('.'));
    let name = name.strip_suffix(".svc").unwrap_or(name);
    let labels: Vec<_> = name.split('.').collect();
    match labels.as_slice() {
        [service, namespace] => of_service(&Key::new(namespace, service), table),
        [host, service, namespace] => of_host(host, &Key::new(namespace, service), table),
        _ => None,
    }
}

fn of_service(service: &Key, table: &Table) -> Option<BTreeSet<Ipv4Addr>> {
    if let Some(address) = table.service(service)?.cluster_ip {
        return Some(BTreeSet::from([address]));
    }
    let ready = table.endpoints(service).filter(|endpoint| endpoint.ready);
    let addresses: BTreeSet<_> = ready.map(|endpoint| endpoint.address).collect();
    // As the cluster's usual DNS has it: a headless Service without endpoints is no name.
    (!addresses.is_empty()).then_some(addresses)
}

/// A pod of a headless Service, by its hostname.
fn of_host(host: &str, service: &Key, table: &Table) -> Option<BTreeSet<Ipv4Addr>> {
    if table.service(service)?.cluster_ip.is_some() {
        return None;
    }
    let endpoints = table
        .endpoints(service)
        .filter(|endpoint| endpoint.ready && endpoint.hostname.as_deref() == Some(host));
    let addresses: BTreeSet<_> = endpoints.map(|endpoint| endpoint.address).collect();
    (!addresses.is_empty()).then_some(addresses)
}

#[cfg(test)]
mod tests;
