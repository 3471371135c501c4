//! TLS towards replicas.

use rouse_api::workload as api;

use crate::wire;

pub(super) fn write_tls(tls: &api::Tls) -> Option<wire::Tls> {
    use wire::tls::Mode;
    let mode = match tls {
        api::Tls::None => return None,
        api::Tls::Mesh => Mode::Mesh(wire::Present {}),
        api::Tls::Files(files) => {
            let (certificate, key) = files.client.clone().unwrap_or_default();
            Mode::Files(wire::TlsFiles {
                ca: files.ca.clone(),
                certificate,
                key,
                server_name: files.server_name.clone(),
            })
        }
    };
    Some(wire::Tls { mode: Some(mode) })
}

pub(super) fn read_tls(tls: Option<wire::Tls>) -> api::Tls {
    use wire::tls::Mode;
    let Some(tls) = tls else {
        return api::Tls::None;
    };
    match tls.mode {
        Some(Mode::Mesh(_)) => api::Tls::Mesh,
        Some(Mode::Files(files)) => api::Tls::Files(api::TlsFiles {
            ca: files.ca,
            client: (!files.certificate.is_empty()).then_some((files.certificate, files.key)),
            server_name: files.server_name,
        }),
        // Nothing that could be read: plain text is not what was meant.
        None => api::Tls::Files(api::TlsFiles {
            ca: String::new(),
            client: None,
            server_name: String::new(),
        }),
    }
}
