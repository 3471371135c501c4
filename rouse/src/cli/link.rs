use std::path::PathBuf;

use clap::ArgGroup;
use rouse_link::tls::{RELOAD_EVERY, TlsConfig, TlsFiles};

/// The link's certificates: PEM files, read again when they change. All three or none.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Link", group = ArgGroup::new(Self::PROTECTION).required(true))]
pub(crate) struct LinkArgs {
    /// Certificates of those whose certificates are believed on the link
    #[arg(long, env = "ROUSE_LINK_CA", value_name = "FILE", requires_all = ["link_cert", "link_key"], group = Self::PROTECTION)]
    pub(crate) link_ca: Option<PathBuf>,
    /// The own certificate, with those in between
    #[arg(
        long,
        env = "ROUSE_LINK_CERT",
        value_name = "FILE",
        requires = "link_ca"
    )]
    pub(crate) link_cert: Option<PathBuf>,
    /// The own key
    #[arg(
        long,
        env = "ROUSE_LINK_KEY",
        value_name = "FILE",
        requires = "link_ca"
    )]
    pub(crate) link_key: Option<PathBuf>,
    /// No certificates: plain text, and whoever reaches the port may say anything; for trying things on one machine
    #[arg(long, env = "ROUSE_LINK_INSECURE", group = Self::PROTECTION, value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) link_insecure: bool,
}

impl LinkArgs {
    /// How the link is protected: one way, and never none by accident.
    pub(super) const PROTECTION: &str = "protection";

    /// How the link's connections are protected, unless certificates are made in this process.
    pub(crate) fn config(&self) -> TlsConfig {
        match (&self.link_ca, &self.link_cert, &self.link_key) {
            (Some(ca), Some(certificate), Some(key)) => TlsConfig::Files(TlsFiles {
                ca: ca.clone(),
                certificate: certificate.clone(),
                key: key.clone(),
                reload_every: RELOAD_EVERY,
            }),
            // The parser lets this pass only with --link-insecure.
            _ => TlsConfig::Insecure,
        }
    }
}
