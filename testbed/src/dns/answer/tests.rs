use std::str::FromStr;

use hickory_proto::rr::Name;
use serde_json::{Value, json};

use super::*;
use crate::services::table::{ServiceEntry, SliceEntry};

fn table(endpoints: &Value) -> Table {
    let mut table = Table::default();
    for (name, address) in [("web", "10.96.1.1"), ("db", "None")] {
        let service = json!({
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"clusterIP": address, "ports": [{"port": 80}]},
        });
        let (key, entry) = ServiceEntry::read(&serde_json::from_value(service).unwrap()).unwrap();
        table.set_service(key, entry);
    }
    let slice = json!({
        "metadata": {"namespace": "shop", "name": "db-x", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4", "ports": [{"port": 80}], "endpoints": endpoints,
    });
    let (key, entry) = SliceEntry::read(&serde_json::from_value(slice).unwrap()).unwrap();
    table.set_slice(key, entry);
    table
}

fn question(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.id = 7;
    message.add_query(Query::query(Name::from_str(name).unwrap(), kind));
    message.to_vec().unwrap()
}

fn ask(name: &str, kind: RecordType, table: &Table) -> (ResponseCode, Vec<String>) {
    let answer = Message::from_vec(&tcp(&question(name, kind), table).unwrap()).unwrap();
    assert_eq!(answer.metadata.id, 7);
    let addresses = answer.answers.iter().map(|record| record.data.to_string());
    (answer.metadata.response_code, addresses.collect())
}

#[test]
fn a_service_is_found_by_its_long_and_short_names() {
    let table = table(&json!([]));
    for name in ["web.shop.svc.cluster.local.", "WEB.shop.svc.", "web.shop."] {
        let (code, addresses) = ask(name, RecordType::A, &table);
        assert_eq!(
            (code, addresses),
            (ResponseCode::NoError, vec!["10.96.1.1".to_owned()]),
            "{name}"
        );
    }
}

#[test]
fn a_name_that_exists_has_no_record_of_another_type_and_others_do_not_exist() {
    let table = table(&json!([]));
    let (code, addresses) = ask("web.shop.svc.cluster.local.", RecordType::AAAA, &table);
    assert_eq!((code, addresses.len()), (ResponseCode::NoError, 0));
    for name in [
        "no.shop.svc.cluster.local.",
        "web.",
        "example.com.",
        "x.web.shop.svc.",
        ".",
    ] {
        assert_eq!(
            ask(name, RecordType::A, &table).0,
            ResponseCode::NXDomain,
            "{name}"
        );
    }
}

#[test]
fn a_headless_service_gives_its_ready_endpoints_and_their_hostnames() {
    let table = table(&json!([
        {"addresses": ["10.244.0.2"], "hostname": "db-0"},
        {"addresses": ["10.244.0.3"], "hostname": "db-1", "conditions": {"ready": false}},
        {"addresses": ["10.244.0.4"], "hostname": "db-2", "conditions": {"ready": true}},
    ]));
    let (_, addresses) = ask("db.shop.svc.cluster.local.", RecordType::A, &table);
    assert_eq!(addresses, ["10.244.0.2", "10.244.0.4"]);
    let (_, addresses) = ask("db-2.db.shop.svc.cluster.local.", RecordType::A, &table);
    assert_eq!(addresses, ["10.244.0.4"]);
    let (code, _) = ask("db-1.db.shop.svc.cluster.local.", RecordType::A, &table);
    assert_eq!(code, ResponseCode::NXDomain);
}

#[test]
fn what_is_too_long_for_a_datagram_is_cut_and_said_so() {
    let many: Vec<_> = (0..200)
        .map(|n| json!({"addresses": [format!("10.244.1.{n}")]}))
        .collect();
    let table = table(&json!(many));
    let question = question("db.shop.svc.cluster.local.", RecordType::A);
    let short = udp(&question, &table).unwrap();
    assert!(short.len() <= PLAIN);
    assert!(Message::from_vec(&short).unwrap().metadata.truncation);
    let whole = Message::from_vec(&tcp(&question, &table).unwrap()).unwrap();
    assert_eq!(whole.answers.len(), 200);
}

#[test]
fn noise_gets_no_answer() {
    let table = table(&json!([]));
    for noise in [&b""[..], b"\0", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64]] {
        assert!(udp(noise, &table).is_none());
    }
    let answer = tcp(&question("web.shop.", RecordType::A), &table).unwrap();
    assert!(tcp(&answer, &table).is_none(), "an answer is no question");
}
