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
    /// Triggers may assume only these roles of AWS, by ARN, with * at the end for all that begin so; may be repeated [default: every role]
    #[arg(
        long = "trigger-roles",
        env = "ROUSE_TRIGGER_ROLES",
        value_name = "ARN",
        value_delimiter = ','
    )]
    roles: Vec<String>,
}

impl TriggerArgs {
    pub(crate) fn allowed(&self) -> Allowed {
        Allowed::only(self.servers.clone(), self.roles.clone())
    }
}
