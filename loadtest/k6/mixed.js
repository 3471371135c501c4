// 300 requests per second to 50 services: latency 0 to 5 s, start-up 0 to 10 s, bodies of 10 B to 50 kB, a quarter of them POSTs that are
// echoed. Popularity falls off, so that some services sleep between two requests. The mix is that of Knative's real-traffic test.
import { ask, promises, services, smoke, trends } from './common.js';
export { handleSummary } from './common.js';

const rate = smoke ? 20 : 300;
const slowest = smoke ? 500 : 5000;

export const options = {
  scenarios: {
    mixed: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: smoke ? '20s' : '150s',
      preAllocatedVUs: smoke ? 40 : 1200,
      maxVUs: smoke ? 200 : 2500,
      gracefulStop: '60s',
    },
  },
  thresholds: promises,
  summaryTrendStats: trends,
};

const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(2000);

export default function () {
  const at = Math.floor(services * Math.random() ** 2);
  const latency = Math.floor(slowest * Math.random());
  // From 10 B to 50 kB, as many of each order of magnitude.
  const bytes = Math.floor(10 * 5000 ** Math.random());
  const post = Math.random() < 0.25;
  ask(at, { bytes, latency, body: post ? letters.slice(0, bytes) : undefined });
}
