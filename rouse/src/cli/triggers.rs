use rouse_scaler::trigger::{Allowed, AllowedUrl};

/// What triggers may do.
#[derive(Debug, clap::Args)]
pub(crate) struct TriggerArgs {
    /// Triggers may ask only these servers, and what is below their paths; may be repeated [default: every server]
    #[arg(
        long = "trigger-servers",
        env = "ROUSE_TRIGGER_SERVERS",
        value_name = "URL",
        value_delimiter = ','
    )]
    servers: Vec<AllowedUrl>,
}

impl TriggerArgs {
    pub(crate) fn allowed(&self) -> Allowed {
        Allowed::only(self.servers.clone())
    }
}
