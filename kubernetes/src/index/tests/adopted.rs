use rouse_api::workload::{Asked, Source, Trigger, Workload};
use rouse_convert::keda::Kind;
use serde_json::json;

use super::super::adopted::{Adoption, Raw};
use super::super::owner::Governing;
use super::super::target::TargetKey;
use super::*;

fn scaled_object(name: &str) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"namespace": "shop", "name": name, "uid": format!("so-{name}"), "generation": 1, "resourceVersion": "10",
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"scaleTargetRef": {"name": "web"}, "triggers": [
            {"type": "prometheus", "metadata": {"serverAddress": "http://prometheus:9090", "query": "up", "threshold": "2"}}]}
    })
}

fn annotated(object: Value, annotations: &Value) -> Value {
    with(object, json!({"metadata": {"annotations": annotations}}))
}

impl World {
    /// With its Deployment and no ScaledWorkload.
    fn keda(adoption: Adoption) -> Self {
        let mut world = Self::empty();
        world.index = Index::new(UNSCHEDULABLE_WAIT).adopting(adoption);
        world.deployment(deployment("web", 20, 1));
        world
    }

    fn kedas(&mut self, value: Value) {
        let raw = Raw::of(read(value)).unwrap();
        self.handle(Event::Keda(Change::Apply(raw)));
    }

    fn names(&mut self) -> Vec<String> {
        let all = self.index.workloads();
        all.iter().map(|one| one.id.name().to_owned()).collect()
    }

    fn only(&mut self) -> Workload {
        let mut all = self.index.workloads();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

#[test]
fn which_are_taken() {
    let (yes, no) = (
        json!({"rouse.dev/adopt": "true"}),
        json!({"rouse.dev/adopt": "false"}),
    );
    for (adoption, wanted) in [
        (Adoption::Off, &[][..]),
        (Adoption::Annotated, &["yes"]),
        (Adoption::All, &["silent", "yes"]),
    ] {
        let mut world = World::keda(adoption);
        world.kedas(scaled_object("silent"));
        world.kedas(annotated(scaled_object("yes"), &yes));
        world.kedas(annotated(scaled_object("no"), &no));
        assert_eq!(world.names(), wanted, "{adoption:?}");
    }
    // It changes its mind.
    let mut world = World::keda(Adoption::All);
    world.kedas(scaled_object("web"));
    world.kedas(annotated(scaled_object("web"), &no));
    assert!(world.names().is_empty());
    world.kedas(scaled_object("web"));
    assert_eq!(world.names(), ["web"]);
    let gone = Change::Delete((Kind::ScaledObject, id("web")));
    world.handle(Event::Keda(gone));
    assert!(world.names().is_empty());
}

#[test]
fn what_keda_scales_is_left_to_it_and_no_longer_once_taken() {
    let mut world = World::keda(Adoption::Annotated);
    world.object(object("web"));
    world.kedas(scaled_object("keda"));
    assert_eq!(world.blocked().as_deref(), Some("OwnedElsewhere"));
    let later = json!({"metadata": {"creationTimestamp": "2026-02-01T00:00:00Z"}});
    let adopted = json!({"rouse.dev/adopt": "true"});
    world.kedas(annotated(with(scaled_object("keda"), later), &adopted));
    assert_eq!(
        world.blocked(),
        None,
        "of two workloads on one target the older has it"
    );
}

#[test]
fn while_keda_rules_the_count_with_its_autoscaler_nothing_is_scaled() {
    let mut world = World::keda(Adoption::Annotated);
    let hpa = |of_keda| {
        let (key, target) = (
            id("keda-hpa-web"),
            TargetKey::new("shop", "apps/v1", "Deployment", "web"),
        );
        Event::Hpa(Change::Apply(Governing {
            key,
            target,
            min: 1,
            of_keda,
        }))
    };
    world.handle(hpa(true));
    // To KEDA this says to leave it alone; here it goes on.
    let handed = json!({"rouse.dev/adopt": "true", "autoscaling.keda.sh/paused": "true"});
    world.kedas(annotated(scaled_object("web"), &handed));
    let blocked = world.see().blocked.unwrap();
    assert_eq!(blocked.reason, "OwnedElsewhere");
    assert!(
        blocked.message.contains("shop/keda-hpa-web"),
        "{}",
        blocked.message
    );
    world.handle(Event::Hpa(Change::Delete(id("keda-hpa-web"))));
    assert_eq!(world.blocked(), None);
    // One of the user's own governs as ever.
    world.handle(hpa(false));
    assert_eq!(world.blocked(), None);
    // Where KEDA runs no more its pause is for Rouse.
    let mut world = World::keda(Adoption::All);
    world.kedas(annotated(scaled_object("web"), &handed));
    assert_eq!(world.blocked().as_deref(), Some("Paused"));
}

#[test]
fn a_scaled_workload_of_the_same_name_goes_before() {
    let mut world = World::keda(Adoption::All);
    world.kedas(scaled_object("web"));
    assert!(world.only().http.is_none());
    world.object(object("web"));
    assert!(world.only().http.is_some());
    world.kedas(with(
        scaled_object("web"),
        json!({"spec": {"pollingInterval": 7}}),
    ));
    assert!(world.only().http.is_some());
    world.handle(Event::Object(Change::Delete(id("web"))));
    assert!(world.only().http.is_none());
    // An empty list of ScaledWorkloads says nothing of KEDA's objects.
    let (scope, seen) = (all(""), nothing());
    world.handle(Event::Object(Change::Listed { scope, seen }));
    assert_eq!(world.names(), ["web"]);
    let (scope, seen) = (all("ScaledObject"), nothing());
    world.handle(Event::Keda(Change::Listed { scope, seen }));
    assert!(world.names().is_empty());
}

#[test]
fn what_is_referred_to_may_come_and_change_later() {
    let mut world = World::keda(Adoption::All);
    let refers = json!({"type": "prometheus", "authenticationRef": {"name": "token"}, "metadata":
        {"serverAddress": "http://prometheus:9090", "query": "up", "threshold": "2", "authModes": "bearer"}});
    world.kedas(with(
        scaled_object("web"),
        json!({"spec": {"triggers": [refers]}}),
    ));
    let token = |world: &mut World| {
        let workloads = world.index.workloads();
        let trigger = workloads.first()?.triggers.first()?;
        match &trigger.source {
            Source::Polled(polled) => match &polled.of {
                Asked::Prometheus(query) => query.access.bearer.clone(),
                _ => None,
            },
            Source::Cron(_) => None,
        }
    };
    assert_eq!(token(&mut world), None);
    let lost = world.index.facts(&id("web"), world.now).unwrap().origin;
    let lost = &lost.adopted().unwrap().lost;
    assert!(lost.iter().any(|one| one.contains("token")), "{lost:?}");
    let authentication = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": {"namespace": "shop", "name": "token"},
        "spec": {"secretTargetRef": [{"parameter": "bearerToken", "name": "secrets", "key": "token"}]}
    });
    world.kedas(authentication);
    assert!(token(&mut world).is_some());
    world.handle(Event::Keda(Change::Delete((
        Kind::TriggerAuthentication,
        id("token"),
    ))));
    assert_eq!(token(&mut world), None);
}

#[test]
fn what_is_not_carried_over_is_named_and_the_rest_works() {
    let mut world = World::keda(Adoption::All);
    let kafka = json!({"type": "kafka", "metadata": {"topic": "orders"}});
    let memory =
        json!({"type": "memory", "metricType": "Utilization", "metadata": {"value": "80"}});
    let spec = json!({"spec": {"minReplicaCount": 1, "triggers": [kafka, memory]}});
    world.kedas(with(scaled_object("web"), spec));
    // What kafka would ask for nobody knows: nothing goes down for want of it.
    let triggers = world.only().triggers;
    assert_eq!(triggers.len(), 2);
    let unknown = |trigger: &Trigger| matches!(&trigger.source, Source::Polled(polled) if matches!(polled.of, Asked::Nobody(_)));
    assert_eq!(triggers.iter().filter(|one| unknown(one)).count(), 1);
    let facts = world.index.facts(&id("web"), world.now).unwrap();
    let adopted = facts.origin.adopted().unwrap();
    assert!(
        adopted.lost.iter().any(|one| one.contains("kafka")),
        "{:?}",
        adopted.lost
    );
    assert_eq!(adopted.shown["triggersTypes"], "kafka,memory");
    assert_eq!(adopted.shown["scaleTargetKind"], "apps/v1.Deployment");
    assert_eq!(facts.problems, [""; 0]);
    // Nothing is left: it says why, and is no workload.
    let kafka = json!({"type": "kafka", "metadata": {"topic": "orders"}});
    world.kedas(with(
        scaled_object("web"),
        json!({"spec": {"triggers": [kafka]}}),
    ));
    assert!(world.names().is_empty());
    let facts = world.index.facts(&id("web"), world.now).unwrap();
    assert!(
        facts.problems.iter().any(|one| one.contains("kafka")),
        "{:?}",
        facts.problems
    );
}

#[test]
fn what_the_http_add_on_has_made_is_not_taken_twice() {
    let mut world = World::keda(Adoption::All);
    let http = json!({
        "apiVersion": "http.keda.sh/v1alpha1", "kind": "HTTPScaledObject", "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"hosts": ["web.example.com"], "scaleTargetRef": {"name": "web", "kind": "Deployment", "apiVersion": "apps/v1", "service": "web", "port": 80}}
    });
    world.kedas(http);
    let owner = json!([{"apiVersion": "http.keda.sh/v1alpha1", "kind": "HTTPScaledObject", "name": "web", "uid": "x"}]);
    world.kedas(with(
        scaled_object("web"),
        json!({"metadata": {"ownerReferences": owner}}),
    ));
    assert!(world.only().http.is_some());
}

#[test]
fn a_status_of_keda_is_read_again() {
    let mut world = World::keda(Adoption::All);
    let status = json!({"conditions": [], "rouse": {"replicas": 0, "state": "StoppedByHand", "observedGeneration": 1}});
    world.kedas(with(scaled_object("web"), json!({"status": status})));
    let facts = world.index.facts(&id("web"), world.now).unwrap();
    assert_eq!(facts.recorded["state"], "StoppedByHand");
    world.deployment(deployment("web", 21, 0));
    assert_eq!(world.blocked().as_deref(), Some("StoppedByHand"));
}

#[test]
fn kedas_own_zero_is_nobodys_stop() {
    let mut world = World::keda(Adoption::Annotated);
    let hpa = |of_keda| {
        let target = TargetKey::new("shop", "apps/v1", "Deployment", "web");
        let (key, min) = (id("keda-hpa-web"), 1);
        Event::Hpa(Change::Apply(Governing {
            key,
            target,
            min,
            of_keda,
        }))
    };
    world.handle(hpa(true));
    world.kedas(annotated(
        scaled_object("web"),
        &json!({"rouse.dev/adopt": "true"}),
    ));
    world.deployment(deployment("web", 21, 1));
    world.deployment(with(
        deployment("web", 22, 0),
        owned("keda-operator", "Update"),
    ));
    assert_eq!(world.blocked().as_deref(), Some("OwnedElsewhere"));
    world.handle(Event::Hpa(Change::Delete(id("keda-hpa-web"))));
    assert_eq!(world.blocked(), None, "it sleeps");
    // From here on a person's zero is one.
    world.deployment(deployment("web", 23, 1));
    world.deployment(with(deployment("web", 24, 0), owned("kubectl", "Update")));
    assert_eq!(world.blocked().as_deref(), Some("StoppedByHand"));
}

#[test]
fn one_of_another_class_is_left_alone_and_forgotten_when_it_goes() {
    let mut world = World::keda(Adoption::All);
    let blue = json!({"spec": {"class": "blue"}});
    world.object(with(object("web"), blue));
    world.kedas(scaled_object("web"));
    assert!(
        world.names().is_empty(),
        "a ScaledWorkload goes before, whose ever it is"
    );
    world.handle(Event::Object(Change::Delete(id("web"))));
    assert_eq!(world.names(), ["web"]);
    // An object of KEDA that is another's blocks its target only while it is there.
    let theirs = annotated(scaled_object("theirs"), &json!({"rouse.dev/class": "blue"}));
    world.kedas(theirs);
    let gone = Change::Delete((Kind::ScaledObject, id("theirs")));
    world.handle(Event::Keda(gone));
    let gone = Change::Delete((Kind::ScaledObject, id("web")));
    world.handle(Event::Keda(gone));
    world.index.take_orphans();
    world.deployment(with(
        deployment("web", 30, 0),
        owned("rouse-scaler", "Apply"),
    ));
    assert_eq!(world.index.forgotten().len(), 1);
}

#[test]
fn what_a_scaled_object_names_is_not_woken_as_forgotten() {
    let mut world = World::keda(Adoption::Off);
    world.kedas(scaled_object("web"));
    world.deployment(with(
        deployment("web", 30, 0),
        owned("rouse-scaler", "Apply"),
    ));
    assert!(world.index.forgotten().is_empty());
}

#[test]
fn a_name_with_a_dot_is_refused() {
    let mut world = World::keda(Adoption::All);
    world.kedas(scaled_object("a.b"));
    assert!(world.names().is_empty());
    let facts = world.index.facts(&id("a.b"), world.now).unwrap();
    assert!(
        facts.problems[0].contains("a.b has a dot"),
        "{:?}",
        facts.problems
    );
}

#[test]
fn a_stop_by_hand_is_known_from_a_condition_too() {
    let mut world = World::keda(Adoption::All);
    let ready = json!([{"type": "Ready", "status": "False", "reason": "StoppedByHand"}]);
    world.kedas(with(
        scaled_object("web"),
        json!({"status": {"conditions": ready}}),
    ));
    world.deployment(deployment("web", 21, 0));
    assert_eq!(world.blocked().as_deref(), Some("StoppedByHand"));
}

#[test]
fn paused_scale_in_keeps_what_is_there() {
    let mut world = World::keda(Adoption::All);
    let held = json!({"autoscaling.keda.sh/paused-scale-in": "true"});
    world.kedas(annotated(scaled_object("web"), &held));
    assert_eq!(world.only().triggers.len(), 2);
}
