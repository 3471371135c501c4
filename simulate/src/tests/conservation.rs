//! Every request is served exactly once, by a replica that is ready and has room.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{any_requests, any_settings, policy};
use crate::engine::watched;
use crate::ideal::Ideal;
use crate::run::PolicyKind;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_request_is_served_once_by_a_ready_replica_with_room(requests in any_requests(), settings in any_settings()) {
        let ideal = Ideal::of(&requests, &settings);
        let length = requests.last().map_or(Duration::ZERO, |last| last.at) + Duration::from_secs(300);
        for kind in PolicyKind::ALL {
            let mut policy = policy(kind, &settings, &ideal);
            let mut sent = vec![None; requests.len()];
            let mut busy: HashMap<usize, Vec<Duration>> = HashMap::new();
            let mut wrong = Vec::new();
            let outcome = watched(&requests, &ideal, &settings, length, &mut *policy, &mut |request, at, replicas, no| {
                let ends = busy.entry(no).or_default();
                ends.retain(|end| *end > at);
                ends.push(at + requests[request].duration);
                if sent[request].replace(at).is_some() { wrong.push("twice"); }
                if at < requests[request].at { wrong.push("before it came"); }
                if !replicas.is_ready(no) { wrong.push("to a replica that is not ready"); }
                if ends.len() > settings.capacity as usize { wrong.push("beyond what a replica can take"); }
                if replicas.wanted() > settings.max { wrong.push("more than max"); }
            });
            prop_assert!(wrong.is_empty(), "{kind:?}: {wrong:?}");
            prop_assert!(sent.iter().all(Option::is_some), "{kind:?}: some were never sent");
            prop_assert_eq!(outcome.served, requests.len() as u64);
            prop_assert_eq!(outcome.requests, requests.len() as u64);
        }
    }
}
