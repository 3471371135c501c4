//! Changes of counts under way: the real tries, against the simulated API server.

use std::time::Duration;

use rouse_kubernetes::chaos::{Change, Todo, Told};
use rouse_scaler::controller::Event as Input;
use rouse_scaler::platform::{Count, PlatformError};

use crate::api::What;
use crate::bug::Bug;
use crate::time::{MS, nanos};
use crate::world::{Event, Run, World};

/// A change of one scaler.
#[derive(Debug)]
pub(crate) struct Changing {
    change: Change,
    workload: usize,
    from: u32,
    to: u32,
    /// The role in which it was begun.
    role: u64,
    term: Option<u32>,
    /// A request is on its way.
    asking: bool,
}

impl Changing {
    pub(crate) fn lowers(&self) -> bool {
        self.to < self.from
    }
}

impl World {
    pub(crate) fn begin_change(&mut self, run: Run, workload: usize, from: u32, to: u32) {
        self.say(&|| format!("s{} wants w{workload} from {from} to {to}", run.no));
        if to < from {
            self.check_order(run, workload, to);
        }
        let (no, now) = (self.flights.number(), self.local(run.no));
        let scaler = &mut self.scalers[run.no];
        let known = scaler.counts[workload];
        let mut reign = scaler.candidate.until();
        if self.bug == Some(Bug::DeafToItsEnd) {
            reign = Some(now + Duration::from_mins(1));
        }
        let changing = Changing {
            change: Change::new((from, to), known, reign, now),
            workload,
            from,
            to,
            role: scaler.role,
            term: scaler.leads,
            asking: false,
        };
        scaler.changes.insert(no, changing);
        let delay = self.rng.u64(0..MS);
        self.after(delay, Event::Scale(run, no));
    }

    pub(crate) fn scale(&mut self, run: Run, no: u64) {
        let now = self.local(run.no);
        let scaler = &mut self.scalers[run.no];
        let Some(changing) = scaler.changes.get_mut(&no) else {
            return;
        };
        if changing.lowers() && changing.role != scaler.role && self.bug != Some(Bug::DeafToItsEnd)
        {
            let why = "its role has changed".to_owned();
            return self.changed(run, no, Err(PlatformError::Refused(why)));
        }
        if changing.asking {
            return;
        }
        let (workload, to, term) = (changing.workload, changing.to, changing.term);
        let limit = nanos(changing.change.limit());
        match changing.change.step(now) {
            Todo::Look => {
                changing.asking = true;
                let what = What::Look {
                    change: no,
                    workload,
                };
                self.request(run, what, limit);
            }
            Todo::Patch(at) => {
                changing.asking = true;
                let what = What::Patch {
                    change: no,
                    workload,
                    at,
                    to,
                    term,
                };
                self.request(run, what, limit);
            }
            Todo::Wait(until) => {
                let at = self.scalers[run.no].clock.when(until);
                self.at(at, Event::Scale(run, no));
            }
            Todo::End(result) => self.changed(run, no, result),
        }
    }

    pub(crate) fn change_answered(&mut self, run: Run, no: u64, told: Told) {
        let now = self.local(run.no);
        let Some(changing) = self.scalers[run.no].changes.get_mut(&no) else {
            return;
        };
        changing.asking = false;
        changing.change.answered(told, now);
        let workload = changing.workload;
        if let Told::Count(count) = told {
            self.counted(run, workload, count);
        }
        self.at(self.now, Event::Scale(run, no));
    }

    fn changed(&mut self, run: Run, no: u64, result: Result<Count, PlatformError>) {
        let Some(changing) = self.scalers[run.no].changes.remove(&no) else {
            return;
        };
        self.say(&|| format!("s{} changed w{}: {result:?}", run.no, changing.workload));
        let id = self.plan.workloads[changing.workload].id.clone();
        let input = match result {
            Ok(count) => Input::ScaleDone(id, count),
            Err(error) => Input::ScaleFailed(id, error),
        };
        self.input(run, input);
    }
}
