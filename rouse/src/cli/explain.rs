use rouse_api::workload::WorkloadId;

/// Flags of `rouse explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rouse explain hello
  rouse explain team/hello --admin http://127.0.0.1:9091

In a cluster ask the scaler that leads: the others decide, too, but don't act on it, and say so. From outside:
  kubectl -n rouse get lease rouse-scaler -o jsonpath='{.spec.holderIdentity}'
  kubectl -n rouse port-forward pod/POD 9090")]
pub(crate) struct ExplainArgs {
    /// The workload: name, or namespace/name
    #[arg(value_name = "NAME", value_parser = crate::explain::workload)]
    pub(crate) workload: WorkloadId,
    /// The admin listener of `rouse serve` or `rouse scaler`
    #[arg(
        long,
        env = "ROUSE_ADMIN",
        value_name = "URL",
        value_parser = admin,
        default_value = "127.0.0.1:9090"
    )]
    pub(crate) admin: String,
}

/// `host:port` of `host:port` or `http://host:port/`.
fn admin(text: &str) -> Result<String, String> {
    let authority = text.strip_prefix("http://").unwrap_or(text);
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    match authority.parse::<http::uri::Authority>() {
        Ok(parsed) if parsed.port_u16().is_some() && !authority.contains('@') => {
            Ok(authority.to_owned())
        }
        _ => Err("write host:port or http://host:port, e.g. http://127.0.0.1:9090".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::admin;

    #[test]
    fn the_admin_listener_is_a_host_and_a_port() {
        for good in [
            "127.0.0.1:9090",
            "http://127.0.0.1:9090",
            "http://127.0.0.1:9090/",
        ] {
            assert_eq!(admin(good).unwrap(), "127.0.0.1:9090");
        }
        for bad in [
            "",
            "127.0.0.1",
            "https://a:1",
            "http://a:1/x",
            "u@a:1",
            "a:b",
        ] {
            assert!(admin(bad).is_err(), "{bad}");
        }
    }
}
