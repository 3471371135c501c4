use std::time::Duration;

use rouse_kubernetes::certificates::{CertificatesConfig, Lifetimes};

use super::link::LinkArgs;
use super::scaler::Namespaced;
use super::value;

/// Certificates that scalers make themselves.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Link")]
pub(crate) struct CertificateArgs {
    /// Make and renew the link's certificates in the Secrets NAME-link-ca and NAME-proxy-link of this namespace, instead of reading files
    #[arg(long, env = "ROUSE_LINK_CERTIFICATES", value_name = "NAMESPACE/NAME", group = LinkArgs::PROTECTION)]
    link_certificates: Option<Namespaced>,
    /// How long a certificate that is made is good for; it is renewed after two thirds of it
    #[arg(long, env = "ROUSE_LINK_CERTIFICATE_LIFETIME", value_name = "DURATION", value_parser = value::positive_duration, default_value = "2160h")]
    link_certificate_lifetime: Duration,
    /// The same for the authority that signs them
    #[arg(long, env = "ROUSE_LINK_AUTHORITY_LIFETIME", value_name = "DURATION", value_parser = value::positive_duration, default_value = "8760h")]
    link_authority_lifetime: Duration,
    /// So long a new authority is believed before it signs: longer than kubelets take to refresh Secrets in Pods
    #[arg(long, env = "ROUSE_LINK_AUTHORITY_OVERLAP", value_name = "DURATION", value_parser = value::positive_duration, default_value = "1h")]
    link_authority_overlap: Duration,
}

impl CertificateArgs {
    /// `None`: certificates are read from files, or there are none.
    ///
    /// # Errors
    /// When lifetimes contradict each other.
    pub(crate) fn config(&self) -> Result<Option<CertificatesConfig>, String> {
        let Some(at) = &self.link_certificates else {
            return Ok(None);
        };
        let lifetimes = Lifetimes {
            certificate: self.link_certificate_lifetime,
            authority: self.link_authority_lifetime,
            overlap: self.link_authority_overlap,
        };
        if lifetimes.certificate > lifetimes.authority {
            return Err(
                "--link-certificate-lifetime must be at most --link-authority-lifetime: no certificate outlives its authority".to_owned(),
            );
        }
        if lifetimes.overlap > lifetimes.authority / 6 {
            return Err(
                "--link-authority-overlap must be at most a sixth of --link-authority-lifetime: that is half of what is left of an \
                 authority when the next is made"
                    .to_owned(),
            );
        }
        Ok(Some(CertificatesConfig {
            namespace: at.namespace.clone(),
            name: at.name.clone(),
            lifetimes,
        }))
    }
}
