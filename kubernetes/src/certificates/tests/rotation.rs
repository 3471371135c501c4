//! Years of rotations, minute by minute, with restarts, outages, and volumes that come late.

use std::collections::VecDeque;

use super::*;

/// Minutes until proxies have what is in their Secret, at most.
const VOLUME: usize = 3;

/// Minutes that a scaler goes without a look, at most: together less than the overlap.
const BLIND: u64 = 5;

struct Run {
    world: World,
    scalers: Vec<(Scaler, u64)>,
    /// What proxies may still have, the newest last.
    mounted: VecDeque<Side>,
    random: fastrand::Rng,
}

impl Run {
    async fn begin(seed: u64) -> Self {
        let world = World::default();
        let mut scalers = Vec::new();
        for _ in 0..2 {
            let mut scaler = world.scaler();
            scaler.look().await.unwrap();
            scalers.push((scaler, 0));
        }
        Self {
            mounted: VecDeque::from([Side::proxies(&world)]),
            world,
            scalers,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    async fn minute(&mut self) {
        self.world.pass(MINUTE);
        for (scaler, blind) in &mut self.scalers {
            if *blind < BLIND && self.random.u8(..4) == 0 {
                *blind += 1;
                continue;
            }
            *blind = 0;
            if self.random.u8(..100) == 0 {
                *scaler = self.world.scaler();
            }
            // The answer to a write may be lost.
            self.world.0.lock().lost = self.random.u8(..10) == 0;
            while scaler.look().await.is_err() {}
        }
        self.world.0.lock().lost = false;
        self.mounted.push_back(Side::proxies(&self.world));
        if self.mounted.len() > VOLUME + 1 {
            self.mounted.pop_front();
        }
    }

    fn check(&self, seed: u64, minute: u64) {
        let now = self.world.now();
        for (scaler, _) in &self.scalers {
            let scaler = scaler.side();
            let mut checked = None;
            for proxy in &self.mounted {
                if checked.replace(proxy) == Some(proxy) {
                    continue;
                }
                assert!(
                    believe_each_other(&scaler, proxy, now),
                    "seed {seed}, minute {minute}: {scaler:?} and {proxy:?}"
                );
            }
        }
        let bundle = self.world.proxies().bundle.len();
        assert!((1..=3).contains(&bundle), "{bundle} authorities");
    }
}

#[tokio::test]
async fn everybody_can_connect_at_every_minute() {
    let seeds = match std::env::var_os("ROUSE_TEST_LONG") {
        Some(_) => 20,
        None => 1,
    };
    for seed in 0..seeds {
        let mut run = Run::begin(seed).await;
        let mut authorities = Vec::new();
        // Longer than three authorities live.
        for minute in 0..2500 {
            run.minute().await;
            run.check(seed, minute);
            let signing = run.world.authorities().signing.certificate;
            if authorities.last() != Some(&signing) {
                authorities.push(signing);
            }
        }
        assert!(authorities.len() >= 4, "{}", authorities.len());
    }
}

#[tokio::test]
async fn an_outage_of_the_api_server_breaks_nothing_that_is_not_over() {
    let mut run = Run::begin(0).await;
    // Past the renewal of a certificate, before its end.
    for _ in 0..160 {
        run.minute().await;
    }
    run.world.0.lock().down = true;
    for minute in 0..60 {
        run.world.pass(MINUTE);
        for (scaler, _) in &mut run.scalers {
            scaler.look().await.unwrap_err();
        }
        run.check(0, minute);
    }
    run.world.0.lock().down = false;
    run.minute().await;
    run.check(0, 0);
}
