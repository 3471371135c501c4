use serde_json::json;

use super::*;

fn service(cluster_ip: &str) -> (Key, ServiceEntry) {
    let service = serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"clusterIP": cluster_ip, "ports": [
            {"name": "http", "port": 80},
            {"name": "dns", "port": 53, "protocol": "UDP"},
        ]},
    }));
    ServiceEntry::read(&service.unwrap()).unwrap()
}

fn slice(name: &str, endpoints: serde_json::Value) -> (Key, SliceEntry) {
    let slice = serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": name, "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": endpoints,
    }));
    SliceEntry::read(&slice.unwrap()).unwrap()
}

fn backends(table: &Table) -> Vec<String> {
    let frontends = table.frontends(&Key::new("shop", "web"));
    let one = frontends.get(&(Ipv4Addr::new(10, 96, 1, 1), 80));
    one.into_iter().flatten().map(ToString::to_string).collect()
}

#[test]
fn only_ready_endpoints_of_all_slices_are_used() {
    let mut table = Table::default();
    let (key, entry) = service("10.96.1.1");
    table.set_service(key.clone(), entry);
    let endpoints = json!([
        {"addresses": ["10.244.0.2"], "conditions": {"ready": true}},
        {"addresses": ["10.244.0.3"], "conditions": {"ready": false, "serving": true, "terminating": true}},
        {"addresses": ["10.244.0.4"], "conditions": {"ready": false}},
    ]);
    let (one, entry) = slice("one", endpoints);
    assert_eq!(
        table.set_slice(one.clone(), entry),
        std::slice::from_ref(&key)
    );
    let (two, entry) = slice("two", json!([{"addresses": ["10.244.0.5"]}]));
    table.set_slice(two.clone(), entry);
    assert_eq!(backends(&table), ["10.244.0.2:8080", "10.244.0.5:8080"]);

    assert_eq!(table.remove_slice(&one), std::slice::from_ref(&key));
    assert_eq!(backends(&table), ["10.244.0.5:8080"]);
    table.remove_slice(&two);
    assert_eq!(backends(&table), [""; 0]);
    table.remove_service(&key);
    assert!(table.frontends(&key).is_empty());
}

#[test]
fn those_that_end_but_serve_are_the_last_resort() {
    let mut table = Table::default();
    let (key, entry) = service("10.96.1.1");
    table.set_service(key, entry);
    let endpoints = json!([
        {"addresses": ["10.244.0.3"], "conditions": {"ready": false, "serving": true, "terminating": true}},
        {"addresses": ["10.244.0.4"], "conditions": {"ready": false, "serving": false, "terminating": true}},
    ]);
    let (one, entry) = slice("one", endpoints);
    table.set_slice(one, entry);
    assert_eq!(backends(&table), ["10.244.0.3:8080"]);
}

#[test]
fn udp_ports_and_headless_services_are_not_listened_for() {
    let mut table = Table::default();
    let (key, entry) = service("10.96.1.1");
    table.set_service(key.clone(), entry);
    assert_eq!(table.frontends(&key).len(), 1);
    let (key, entry) = service("None");
    table.set_service(key.clone(), entry);
    assert!(table.frontends(&key).is_empty());
}

#[test]
fn a_new_list_takes_the_place_of_all_and_names_what_went() {
    let mut table = Table::default();
    let (key, entry) = service("10.96.1.1");
    table.set_services(HashMap::from([(key.clone(), entry)]));
    let list = HashMap::from([slice("one", json!([{"addresses": ["10.244.0.2"]}]))]);
    assert_eq!(table.set_slices(list), std::slice::from_ref(&key));
    assert_eq!(backends(&table), ["10.244.0.2:8080"]);
    assert_eq!(table.set_slices(HashMap::new()), std::slice::from_ref(&key));
    assert_eq!(backends(&table), [""; 0]);
    assert_eq!(table.set_services(HashMap::new()), [key]);
}
