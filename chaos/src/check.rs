//! What must hold, looked at by one who sees everything.

use std::net::SocketAddr;

use rouse_api::link::{Epoch, Term};
use rouse_scaler::demand::SILENT_AFTER;

use crate::time::{MS, SECOND, nanos};
use crate::world::{Cut, Run, World};

/// What is remembered for it.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// The highest term that a scaler has begun to act in.
    led: Term,
    /// Who did.
    by: usize,
}

impl World {
    pub(crate) fn violated(&mut self, what: String) {
        self.trace.violated(self.now, what);
    }

    /// No two scalers lead in one term, and terms only grow.
    pub(crate) fn check_led(&mut self, run: Run, term: Term) {
        if term <= self.check.led && self.now > 0 {
            let led = self.check.led;
            let stands_still = self.scalers[run.no].still > self.now;
            if !stands_still && term < led {
                // Late, as a process may be: harmless as long as it changes nothing, which is looked at elsewhere.
                self.say(&|| format!("s{} leads in {term} after {led}", run.no));
            }
        }
        if term > self.check.led {
            self.check.by = run.no;
            self.trace.outcome.terms += 1;
        }
        self.check.led = self.check.led.max(term);
    }

    /// A proxy agrees to no attempt of a term that it knows to be over.
    pub(crate) fn check_epoch(&mut self, run: Run, epoch: Epoch) {
        let ends = self.proxies[run.no].ends.as_ref();
        let term = ends
            .and_then(rouse_link::client::chaos::Ends::term)
            .unwrap_or(0);
        if epoch >> 32 < u64::from(term) {
            self.violated(format!(
                "leader change: p{} agrees to sleep in term {}, but knows of term {term}",
                run.no,
                epoch >> 32
            ));
        }
    }

    /// A scaler decides to lower a count: it leads, and has heard of everybody, lately.
    pub(crate) fn check_order(&mut self, run: Run, workload: usize, to: u32) {
        if self.scalers[run.no].leads.is_none() {
            return self.violated(format!(
                "one writer: s{} lowers w{workload} to {to} and does not lead",
                run.no
            ));
        }
        let lately = nanos(SILENT_AFTER) + 100 * MS;
        for no in 0..self.proxies.len() {
            let proxy = &self.proxies[no];
            if !proxy.up() || !proxy.knows {
                continue;
            }
            // Of an earlier proxy on this host is enough, for so long: that it has another now nobody may have told.
            let heard = self.scalers[run.no].reports.get(&proxy.member.host);
            let age = heard.map(|at| self.now - *at);
            // New, and behind cuts both of the link and of the watch, or come while the scaler stood still: it can't know.
            let blind = self.is_cut(Cut::Api { scaler: run.no })
                || self.now < self.scalers[run.no].still + 5 * MS;
            let hidden = age.is_none() && blind;
            if !hidden && age.is_none_or(|age| age > lately) {
                return self.violated(format!(
                    "missing data: s{} lowers w{workload} to {to}, and of p{no} it heard {:?} s ago",
                    run.no,
                    age.map(|age| age / SECOND)
                ));
            }
        }
    }

    /// The API server lowers a count for a scaler.
    pub(crate) fn check_lowered(&mut self, by: Run, workload: usize, to: u32, term: Option<Term>) {
        let led = self.check.led;
        // One that leads again may still be at what it began before: it is the one writer.
        if term.is_none_or(|term| term < led) && self.check.by != by.no {
            self.violated(format!(
                "one writer: s{} lowers w{workload} to {to} in term {term:?}, and term {led} has begun",
                by.no
            ));
        }
        if to == 0
            && let Some(proxy) = self.flights.at(workload)
        {
            self.violated(format!(
                "quiesce: w{workload} goes to zero with a request of p{proxy} in flight"
            ));
        }
    }

    /// A proxy sends a request. One that was no member when the count went to zero was not asked: it may believe a scaler whose watch is
    /// late, when no leader is there. With the count up again nobody who is cut off from the API server can tell whether what was there
    /// has been kept.
    pub(crate) fn check_sent(&mut self, proxy: Run, workload: usize, to: SocketAddr) {
        let pod = self.pods.at(to);
        let Some((no, pod)) = pod.and_then(|no| Some((no, self.pods.pods.get(&no)?))) else {
            return;
        };
        if pod.workload != workload {
            self.violated(format!(
                "p{} sends a request for w{workload} to pod-{no} of w{}",
                proxy.no, pod.workload
            ));
        } else if pod
            .doomed
            .is_some_and(|zero| zero >= self.proxies[proxy.no].started)
            && !(self.api.counts[workload].replicas > 0 && self.somebody_is_cut_off())
        {
            self.violated(format!(
                "quiesce: p{} sends a request to pod-{no} after w{workload} went to zero",
                proxy.no
            ));
        }
    }

    /// A replica has no more in flight than the limit, over all proxies that live.
    pub(crate) fn check_limit(&mut self, workload: usize, at: SocketAddr) {
        let http = self.plan.workloads[workload].http.as_ref();
        let Some(limit) = http.and_then(|http| http.concurrency_limit) else {
            return;
        };
        let (limit, there) = (limit.get() as usize, self.flights.on(at));
        if there > limit {
            self.violated(format!(
                "limit: {there} in flight at {at} of w{workload}, limit {limit}"
            ));
        }
    }

    fn somebody_is_cut_off(&self) -> bool {
        let mut cuts = self.cuts.values();
        cuts.any(|cut| matches!(cut, Cut::Api { .. }))
    }

    /// Long after the last fault and the last request: everybody was answered, and everything sleeps.
    pub(crate) fn look_at_the_end(&mut self) {
        self.tell_status();
        let mut problems = Vec::new();
        for (no, proxy) in self.proxies.iter().enumerate() {
            if !proxy.up() {
                problems.push(format!("p{no} is down"));
            }
            if let Some((request, waiting)) = proxy.held.first_key_value() {
                problems.push(format!(
                    "wake: p{no} holds {request} for w{} since {} ms",
                    waiting.workload,
                    waiting.since / MS
                ));
            }
        }
        for (workload, count) in self.api.counts.iter().enumerate() {
            if count.replicas > 0 {
                problems.push(format!(
                    "sleep: w{workload} has {} replicas, and nobody asks",
                    count.replicas
                ));
            }
        }
        if let Some(first) = problems.into_iter().next() {
            self.violated(first);
        }
    }
}
