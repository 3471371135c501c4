//! Carries out what is planned, again and again.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::certificate::between;
use super::issue::{Pair, Whose};
use super::plan::{Plan, Step, plan, renewal};
use super::secrets::{Authorities, Proxies, pems};
use super::step;
use super::store::{Store, Which};
use super::{LOOK_EVERY, Lifetimes, Made, State};

/// Steps of one look; a whole beginning needs two, and others may be in between.
const STEPS: usize = 8;

/// For one look with all its steps.
const LOOK: Duration = Duration::from_secs(30);

/// After a look that did not end well.
const RETRY: Duration = Duration::from_secs(5);

/// Never sooner again than this, whatever lifetimes say.
const REST: Duration = Duration::from_millis(200);

/// One scaler's.
pub(super) struct Keeper<S, C> {
    store: S,
    lifetimes: Lifetimes,
    clock: C,
    failures: Counter,
    own: Option<Pair>,
    state: watch::Sender<State>,
}

/// What was read.
struct Found {
    authorities: Option<(Authorities, Secret)>,
    proxies: Option<(Proxies, Secret)>,
}

impl<S: Store, C: Fn() -> Timestamp> Keeper<S, C> {
    pub(super) fn new(
        store: S,
        lifetimes: Lifetimes,
        failures: Counter,
        clock: C,
    ) -> (Self, watch::Receiver<State>) {
        let (state, receiver) = watch::channel(State::default());
        let keeper = Self {
            store,
            lifetimes,
            clock,
            failures,
            own: None,
            state,
        };
        (keeper, receiver)
    }

    /// For ever.
    pub(super) async fn run(mut self) {
        loop {
            let looked = timeout(LOOK, Box::pin(self.look())).await;
            let looked = looked.unwrap_or_else(|_| Err("not done in time".to_owned()));
            let wait = match &looked {
                Ok(until) => between((self.clock)(), *until).min(self.every()),
                Err(_) => RETRY.min(self.every()),
            };
            self.tell(looked.err());
            // Scalers that started together don't stay together.
            sleep(wait.max(REST).mul_f64(0.8 + 0.2 * fastrand::f64())).await;
        }
    }

    /// Several times within the overlap, for what is announced must be heard in time.
    fn every(&self) -> Duration {
        LOOK_EVERY.min(self.lifetimes.overlap / 4)
    }

    fn tell(&self, problem: Option<String>) {
        if let Some(problem) = &problem {
            self.failures.inc();
            if self.state.borrow().problem.as_ref() != Some(problem) {
                tracing::warn!("the link's certificates: {problem}");
            }
        }
        self.state.send_if_modified(|state| {
            let changed = state.problem != problem;
            state.problem = problem;
            changed
        });
    }

    /// Does all that is due; says when something will be.
    pub(super) async fn look(&mut self) -> Result<Timestamp, String> {
        for _ in 0..STEPS {
            let found = self.find().await?;
            let now = (self.clock)();
            let authorities = found.authorities.as_ref().map(|(parsed, _)| parsed);
            let proxies = found.proxies.as_ref().map(|(parsed, _)| parsed);
            match plan(authorities, proxies, &self.lifetimes, now) {
                Plan::Do(step) => self.take(step, found, now).await?,
                Plan::Wait(until) => {
                    let own = match authorities {
                        Some(authorities) => self.equip_self(authorities, now)?,
                        None => until,
                    };
                    return Ok(until.min(own));
                }
            }
        }
        Err("others go on changing the Secrets".to_owned())
    }

    async fn find(&mut self) -> Result<Found, String> {
        let authorities = self.read(Which::Authorities, Authorities::read).await?;
        let proxies = self.read(Which::Proxies, Proxies::read).await;
        if let (Err(_), Some((authorities, _)), Some(_)) = (&proxies, &authorities, &self.own) {
            // What was begun goes on: the own certificate does not depend on the proxies'.
            self.equip_self(authorities, (self.clock)())?;
        }
        Ok(Found {
            authorities,
            proxies: proxies?,
        })
    }

    async fn read<T>(
        &self,
        which: Which,
        read: fn(&Secret) -> Result<T, String>,
    ) -> Result<Option<(T, Secret)>, String> {
        let told = |problem| format!("Secret {}: {problem}", self.store.name(which));
        let Some(secret) = self.store.get(which).await.map_err(told)? else {
            return Ok(None);
        };
        Ok(Some((read(&secret).map_err(told)?, secret)))
    }

    async fn take(&self, step: Step, found: Found, now: Timestamp) -> Result<(), String> {
        let (authorities, secret) = found.authorities.unzip();
        if step == Step::Equip {
            let Some(authorities) = authorities else {
                return Ok(());
            };
            let (proxies, secret) = found.proxies.unzip();
            let equipped = step::equip(&authorities, proxies, &self.lifetimes, now)?;
            return self.put(Which::Proxies, equipped.write(secret), step).await;
        }
        let changed = step::change(step, authorities, &self.lifetimes, now)?;
        self.put(Which::Authorities, changed.write(secret), step)
            .await
    }

    async fn put(&self, which: Which, secret: Secret, step: Step) -> Result<(), String> {
        let name = self.store.name(which);
        let written = self.store.put(which, secret).await;
        match written.map_err(|problem| format!("Secret {name}: {problem}"))? {
            true => {
                tracing::info!(
                    secret = name,
                    "the link's certificates: {}",
                    step::told(step)
                );
                rouse_failpoint::pass(step::point(step));
            }
            false => tracing::debug!(secret = name, "another scaler was faster"),
        }
        Ok(())
    }

    /// The own certificate is current, and told; when it is to be renewed.
    fn equip_self(
        &mut self,
        authorities: &Authorities,
        now: Timestamp,
    ) -> Result<Timestamp, String> {
        let due = |pair: &Pair| renewal(pair, authorities, &self.lifetimes);
        let own = match self.own.take().filter(|own| due(own) > now) {
            Some(own) => own,
            None => {
                let lifetime = self.lifetimes.certificate;
                authorities.signing.sign(Whose::Scaler, now, lifetime)?
            }
        };
        let made = Made {
            ca: pems(&authorities.bundle(now)),
            certificate: own.certificate.pem(),
            key: own.key.clone(),
        };
        self.state.send_if_modified(|state| {
            let changed = state.made.as_ref() != Some(&made);
            state.made = Some(made);
            changed
        });
        let until = due(&own);
        self.own = Some(own);
        Ok(until)
    }
}
