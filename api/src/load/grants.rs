//! Which namespaces may claim which hosts: an administrator's word, in a cluster of several tenants.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::workload::{HostPattern, Workload};

/// Stands for every namespace.
const EVERYONE: &str = "*";

/// Hosts by namespace. Without any grant every namespace may claim what no older workload has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostGrants(BTreeMap<String, Vec<HostPattern>>);

/// Reads `namespace=host,host`; `*` is every namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostGrant {
    namespace: String,
    hosts: Vec<HostPattern>,
}

impl FromStr for HostGrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = "write NAMESPACE=HOST[,HOST...], e.g. blue=*.blue.example.com,blue.example.com; * is every namespace, and any host";
        let (namespace, hosts) = text.split_once('=').ok_or(wanted)?;
        let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let named = !namespace.is_empty() && namespace.len() <= 63 && namespace.bytes().all(known);
        if namespace != EVERYONE && !named {
            return Err(format!("{namespace:?} is not a namespace: {wanted}"));
        }
        let hosts = hosts.split(',').map(|host| HostPattern::parse(host.trim()));
        let hosts = hosts
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        let namespace = namespace.to_owned();
        Ok(Self { namespace, hosts })
    }
}

impl FromIterator<HostGrant> for HostGrants {
    fn from_iter<T: IntoIterator<Item = HostGrant>>(all: T) -> Self {
        let mut grants = Self::default();
        for grant in all {
            grants
                .0
                .entry(grant.namespace)
                .or_default()
                .extend(grant.hosts);
        }
        grants
    }
}

impl HostGrants {
    /// Takes from a workload the hosts that its namespace was not granted, and routes that are left without any; a sentence for each.
    pub fn enforce(&self, workload: &mut Workload) -> Vec<String> {
        let mut refused = Vec::new();
        let namespace = workload.id.namespace().to_owned();
        let Some(http) = workload.http.as_mut().filter(|_| !self.0.is_empty()) else {
            return refused;
        };
        http.routes.retain_mut(|route| {
            if route.hosts.is_empty() {
                let granted = self.covers(&namespace, &HostPattern::Any);
                if !granted {
                    refused.push(self.told(
                        &namespace,
                        "a route without hosts, which is for every host,",
                    ));
                }
                return granted;
            }
            route.hosts.retain(|host| {
                let granted = self.covers(&namespace, host);
                if !granted {
                    refused.push(self.told(&namespace, &format!("host {host}")));
                }
                granted
            });
            !route.hosts.is_empty()
        });
        refused
    }

    fn of<'a>(&'a self, namespace: &str) -> impl Iterator<Item = &'a HostPattern> {
        let own = self.0.get(namespace).into_iter();
        own.chain(self.0.get(EVERYONE)).flatten()
    }

    fn covers(&self, namespace: &str, claim: &HostPattern) -> bool {
        self.of(namespace).any(|granted| covers(granted, claim))
    }

    fn told(&self, namespace: &str, what: &str) -> String {
        let granted: Vec<_> = self.of(namespace).map(ToString::to_string).collect();
        let granted = match granted.is_empty() {
            true => "no host".to_owned(),
            false => granted.join(", "),
        };
        format!("{what} is not granted to namespace {namespace}, which may have {granted}")
    }
}

/// Whether every host of the claim is granted.
fn covers(granted: &HostPattern, claim: &HostPattern) -> bool {
    let below = |host: &str, suffix: &str| {
        host.strip_suffix(suffix)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    };
    match (granted, claim) {
        (HostPattern::Any, _) => true,
        (HostPattern::Exact(granted), HostPattern::Exact(host)) => granted == host,
        (HostPattern::Wildcard(suffix), HostPattern::Exact(host)) => below(host, suffix),
        (HostPattern::Wildcard(granted), HostPattern::Wildcard(suffix)) => {
            granted == suffix || below(suffix, granted)
        }
        (HostPattern::Exact(_) | HostPattern::Wildcard(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load;

    fn grants(all: &[&str]) -> HostGrants {
        all.iter()
            .map(|text| text.parse::<HostGrant>().unwrap())
            .collect()
    }

    fn left(
        grants: &HostGrants,
        namespace: &str,
        http: serde_json::Value,
    ) -> (Vec<String>, Vec<String>) {
        let object = serde_json::json!({
            "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload",
            "metadata": {"name": "hello", "namespace": namespace}, "spec": {"http": http},
        });
        let mut workload = load::object(&object).unwrap();
        let refused = grants.enforce(&mut workload);
        let routes = workload.http.unwrap().routes;
        let hosts = routes.iter().flat_map(|route| &route.hosts);
        (hosts.map(ToString::to_string).collect(), refused)
    }

    #[test]
    fn without_grants_anybody_may_have_anything() {
        let hosts = serde_json::json!({"hosts": ["a.test", "*"]});
        assert_eq!(left(&HostGrants::default(), "blue", hosts).1, [""; 0]);
    }

    #[test]
    fn what_is_not_granted_is_taken_away_and_the_rest_stays() {
        let grants = grants(&["blue=*.blue.test", "blue=blue.test", "*=*.open.test"]);
        let hosts = [
            "a.blue.test",
            "*.x.blue.test",
            "*.blue.test",
            "blue.test",
            "c.open.test",
            "a.green.test",
            "*.test",
            "*",
            "evilblue.test",
            "open.test",
        ];
        let (kept, refused) = left(&grants, "blue", serde_json::json!({"hosts": hosts}));
        assert_eq!(kept, hosts[..5]);
        assert_eq!(refused.len(), 5, "{refused:?}");
        assert_eq!(
            refused[0],
            "host a.green.test is not granted to namespace blue, which may have *.blue.test, blue.test, *.open.test"
        );
        let (kept, refused) = left(
            &grants,
            "green",
            serde_json::json!({"hosts": ["a.blue.test"]}),
        );
        assert_eq!((kept.len(), refused.len()), (0, 1));
    }

    #[test]
    fn a_route_for_every_host_needs_all_of_them() {
        let route =
            serde_json::json!({"routes": [{"pathPrefixes": ["/api"]}, {"hosts": ["a.blue.test"]}]});
        let (kept, refused) = left(&grants(&["blue=*.blue.test"]), "blue", route.clone());
        assert_eq!((kept, refused.len()), (vec!["a.blue.test".to_owned()], 1));
        assert_eq!(left(&grants(&["blue=*"]), "blue", route).1.len(), 0);
    }

    #[test]
    fn what_is_no_grant_is_refused_with_what_would_be_right() {
        for bad in [
            "blue",
            "=a.test",
            "Blue=a.test",
            "blue=",
            "blue=http://a",
            "blue=a.test:80",
            "*",
        ] {
            let error = bad.parse::<HostGrant>().expect_err(bad);
            assert!(error.contains("write "), "{bad}: {error}");
        }
    }
}
