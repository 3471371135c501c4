// From nothing to 3,000 requests per second in two minutes, to one service that sleeps when it begins.
import { ask, promises, smoke, trends } from './common.js';
export { handleSummary } from './common.js';

const most = smoke ? 100 : 3000;

export const options = {
  scenarios: {
    ramp: {
      executor: 'ramping-arrival-rate',
      startRate: 0,
      timeUnit: '1s',
      preAllocatedVUs: smoke ? 20 : 300,
      maxVUs: smoke ? 100 : 1500,
      stages: [
        { target: most, duration: smoke ? '10s' : '120s' },
        { target: most, duration: smoke ? '2s' : '30s' },
      ],
      gracefulStop: '30s',
    },
  },
  thresholds: promises,
  summaryTrendStats: trends,
};

export default function () {
  ask(0, { bytes: 100 });
}
