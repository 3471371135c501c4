//! Clients: bursts of requests, with pauses in which workloads fall asleep.

use crate::time::MS;
use crate::world::{Event, Run, World};

impl World {
    pub(crate) fn burst(&mut self, workload: usize) {
        if self.now > self.plan.rest {
            return;
        }
        for _ in 0..self.rng.u8(1..6) {
            let delay = self.rng.u64(0..300 * MS);
            self.after(delay, Event::Arrive(workload));
        }
        let gap = self.rng.u64(100 * MS..=self.plan.gap);
        self.after(gap, Event::Burst(workload));
    }

    /// At a proxy that is ready, mostly.
    pub(crate) fn arrive(&mut self, workload: usize) {
        let careless = self.one_in(10);
        let takes = |no: &usize| {
            let proxy = &self.proxies[*no];
            proxy.up() && !proxy.leaving && (proxy.knows || careless)
        };
        let ready: Vec<usize> = (0..self.proxies.len()).filter(takes).collect();
        if ready.is_empty() {
            return;
        }
        let no = ready[self.rng.usize(0..ready.len())];
        let proxy = &self.proxies[no];
        // A process that stands still takes it when it goes on.
        if proxy.still > self.now {
            let at = proxy.still + self.rng.u64(0..MS);
            return self.at(at, Event::Arrive(workload));
        }
        let run = Run { no, run: proxy.run };
        self.say(&|| format!("a request for w{workload} arrives at p{no}"));
        self.request_at(run, workload);
    }
}
