//! What goes wrong.

use crate::time::{MS, Nanos, SECOND};
use crate::world::{Cut, Event, Process, World};

#[derive(Debug, Clone, Copy)]
enum Kind {
    Reset,
    CutLink,
    CutScaler,
    CutApi,
    KillProxy,
    KillScaler,
    StillProxy,
    StillScaler,
    Api,
    Pod,
    Raise,
    Leave,
}

impl World {
    fn kinds(&self) -> Vec<Kind> {
        let faults = self.plan.faults;
        let mut kinds = Vec::new();
        let mut add = |on: bool, more: &[Kind]| {
            if on {
                kinds.extend_from_slice(more);
            }
        };
        add(faults.resets, &[Kind::Reset]);
        add(
            faults.partitions,
            &[Kind::CutLink, Kind::CutScaler, Kind::CutApi],
        );
        add(faults.crashes, &[Kind::KillProxy, Kind::KillScaler]);
        add(faults.pauses, &[Kind::StillProxy, Kind::StillScaler]);
        add(faults.api, &[Kind::Api]);
        add(faults.pods, &[Kind::Pod, Kind::Raise]);
        add(faults.leaves, &[Kind::Leave]);
        kinds
    }

    pub(crate) fn fault(&mut self) {
        if self.healed {
            return;
        }
        let next = self.rng.u64(50 * MS..=self.plan.calm);
        self.after(next, Event::Fault);
        let kinds = self.kinds();
        if kinds.is_empty() {
            return;
        }
        let kind = kinds[self.rng.usize(0..kinds.len())];
        let proxy = self.rng.usize(0..self.proxies.len());
        let scaler = self.rng.usize(0..self.scalers.len());
        let most = [300 * MS, 3 * SECOND, 12 * SECOND][self.rng.usize(0..3)];
        let long = self.rng.u64(20 * MS..most);
        self.say(&|| format!("fault {kind:?} p{proxy} s{scaler} for {} ms", long / MS));
        match kind {
            Kind::Reset => {
                let all: Vec<usize> = self.conns.keys().copied().collect();
                if !all.is_empty() {
                    let conn = all[self.rng.usize(0..all.len())];
                    self.reset(conn);
                }
            }
            Kind::CutLink => self.cut(Cut::Link { proxy, scaler }, long),
            Kind::CutScaler => {
                for proxy in 0..self.proxies.len() {
                    self.cut(Cut::Link { proxy, scaler }, long);
                }
                if self.rng.bool() {
                    self.cut(Cut::Api { scaler }, long);
                }
            }
            Kind::CutApi => self.cut(Cut::Api { scaler }, long),
            Kind::KillProxy => self.kill(Process::Proxy(proxy)),
            Kind::KillScaler => self.kill(Process::Scaler(scaler)),
            Kind::StillProxy => {
                let still = &mut self.proxies[proxy].still;
                *still = (*still).max(self.now + long);
                self.silent(Process::Proxy(proxy));
            }
            Kind::StillScaler => {
                let still = &mut self.scalers[scaler].still;
                *still = (*still).max(self.now + long);
                self.silent(Process::Scaler(scaler));
            }
            Kind::Api => self.api.weak = !self.api.weak,
            Kind::Pod => self.crash_pod(),
            Kind::Raise => {
                let workload = self.rng.usize(0..self.plan.workloads.len());
                let count = self.api.counts[workload].replicas;
                if count < 4 {
                    self.say(&|| format!("a person sets w{workload} to {}", count + 1));
                    self.set_count(workload, count + 1);
                }
            }
            Kind::Leave => self.proxies[proxy].leaving = self.proxies[proxy].up(),
        }
    }

    fn silent(&mut self, process: Process) {
        for conn in self.conns_of(process) {
            self.fall_silent(conn);
        }
    }

    fn cut(&mut self, cut: Cut, long: Nanos) {
        let no = self.flights.number();
        self.cuts.insert(no, cut);
        self.after(long, Event::Mend(no));
        if let Cut::Link { proxy, scaler } = cut {
            for conn in self.conns_between(proxy, scaler) {
                self.fall_silent(conn);
            }
        }
    }

    pub(crate) fn heal(&mut self) {
        self.say(&|| "all faults end".to_owned());
        self.healed = true;
        self.cuts.clear();
        // A process that stands still goes on in its time.
        self.api.weak = false;
    }

    pub(crate) fn kill(&mut self, process: Process) {
        self.trace.mix(7);
        let conns = self.conns_of(process);
        match process {
            Process::Proxy(no) => {
                if !self.proxies[no].up() {
                    return;
                }
                self.say(&|| format!("p{no} ends"));
                self.proxies[no].drop_all();
                self.flights.forget(no);
                let host = self.proxies[no].member.host.clone();
                self.api.pod_of_proxy(no, &host, false);
                let late = self.rng.u64(10 * MS..SECOND);
                self.hosts_changed(Some(late));
                // In the same Pod, or in another.
                if self.rng.bool() {
                    let host = format!("host-{:08x}", self.rng.u32(..));
                    self.proxies[no].member.host = host.into();
                }
                conns.into_iter().for_each(|conn| self.close_proxy(conn));
            }
            Process::Scaler(no) => {
                if !self.scalers[no].up {
                    return;
                }
                self.say(&|| format!("s{no} ends"));
                let scaler = &mut self.scalers[no];
                (scaler.up, scaler.listens, scaler.listed) = (false, false, false);
                scaler.leads = None;
                conns.into_iter().for_each(|conn| self.close_scaler(conn));
            }
        }
        let after = self.rng.u64(50 * MS..4 * SECOND);
        self.after(after, Event::Start(process));
    }

    pub(crate) fn start(&mut self, process: Process) {
        match process {
            Process::Proxy(no) if !self.proxies[no].up() => {
                self.say(&|| format!("p{no} starts"));
                self.start_proxy(no);
            }
            Process::Scaler(no) if !self.scalers[no].up => {
                self.say(&|| format!("s{no} starts"));
                self.start_scaler(no);
            }
            _ => {}
        }
    }
}
