//! TLS towards replicas.

use crate::load::Mode;
use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{self, HttpSpec};
use crate::workload::{Dial, Http, Tls, TlsFiles, WhileWaking, WorkloadId};

/// In bytes: of a file's path, and of a name in a certificate.
const LONGEST: usize = 253;

/// Adds to `http` how connections are protected; everything else of it is known.
pub(super) fn tls(
    document: &mut Document,
    spec: &HttpSpec,
    id: Option<&WorkloadId>,
    mode: Mode,
    http: &mut Http,
) {
    let at = FieldPath::of("spec.http.upstream.tls");
    let given = spec
        .upstream
        .as_ref()
        .and_then(|upstream| upstream.tls.as_ref());
    http.tls = match given {
        None | Some(resource::Tls::None) => return,
        Some(resource::Tls::Mesh) => Tls::Mesh,
        Some(resource::Tls::Files(given)) => {
            Tls::Files(files(document, given, &at, default_name(http, id, mode)))
        }
    };
    if http.tls == Tls::Mesh && mode == Mode::Standalone {
        document.refuse(
            &at,
            "is mesh, and this is standalone mode, where there is none; write none, or {ca: ...}",
        );
    }
    let dial_at = FieldPath::of("spec.http.upstream.dial");
    if http.tls == Tls::Mesh && http.dial == Dial::Service {
        let message = "is mesh, which checks each pod's own identity, and dial is service; write pod, or {ca: ...}";
        document.refuse_between(&at, &[dial_at], message);
    }
    if matches!(http.while_waking, WhileWaking::Fallback(_)) {
        let message = "stands with whileWaking.fallback, which is dialled in plain text; leave out one of them";
        document.refuse_between(&at, &[FieldPath::of("spec.http.whileWaking")], message);
    }
}

fn default_name(http: &Http, id: Option<&WorkloadId>, mode: Mode) -> String {
    match (mode, &http.service, id) {
        (Mode::Cluster, Some(service), Some(id)) => {
            format!("{}.{}.svc", service.name, id.namespace())
        }
        _ => "localhost".to_owned(),
    }
}

fn files(
    document: &mut Document,
    given: &resource::TlsFiles,
    at: &FieldPath,
    default_name: String,
) -> TlsFiles {
    for (field, path) in [
        ("ca", Some(&given.ca)),
        ("cert", given.cert.as_ref()),
        ("key", given.key.as_ref()),
    ] {
        if let Some(path) = path.filter(|path| !is_path(path)) {
            let message = format!(
                "is {path:?}: write a path within the proxies' folder for this namespace, such as ca.crt or shop/ca.crt"
            );
            document.refuse(&at.key(field), message);
        }
    }
    let client = match (&given.cert, &given.key) {
        (Some(cert), Some(key)) => Some((cert.clone(), key.clone())),
        (None, None) => None,
        (cert, _) => {
            let field = if cert.is_some() { "key" } else { "cert" };
            document.refuse(
                &at.key(field),
                "is missing: a client has a certificate and its key, or neither",
            );
            None
        }
    };
    let server_name = given.server_name.clone().unwrap_or(default_name);
    let valid = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b':');
    if server_name.is_empty() || server_name.len() > LONGEST || !server_name.bytes().all(valid) {
        document.refuse(
            &at.key("serverName"),
            format!("is {server_name:?}: write a host name or an IP address"),
        );
    }
    TlsFiles {
        ca: given.ca.clone(),
        client,
        server_name,
    }
}

/// Segments of harmless characters, none of which leads elsewhere.
fn is_path(path: &str) -> bool {
    let valid = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
    let segment = |segment: &str| {
        !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(valid)
    };
    path.len() <= LONGEST && path.split('/').all(segment)
}
