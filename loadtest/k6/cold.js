// Rounds of many requests at once for services that all sleep. Between two rounds they fall asleep again (idleAfter is 3 s).
import { sleep } from 'k6';
import { ask, promises, services, smoke, trends } from './common.js';
export { handleSummary } from './common.js';

const perService = smoke ? 4 : 10;

export const options = {
  scenarios: {
    burst: {
      executor: 'per-vu-iterations',
      vus: services * perService,
      iterations: smoke ? 2 : 5,
      maxDuration: smoke ? '50s' : '200s',
    },
  },
  thresholds: smoke ? promises : { ...promises, cold: ['p(95)<3000'] },
  summaryTrendStats: trends,
};

export default function () {
  ask(__VU % services, { bytes: 100 });
  // Until all of a round begin together again, and everything sleeps: a round begins every 12 s.
  const round = 12000;
  sleep((round - (Date.now() % round)) / 1000);
}
