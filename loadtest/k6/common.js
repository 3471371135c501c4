// What all scenarios share: a request that is looked at, and a summary in a file.
import http from 'k6/http';
import { check } from 'k6';
import { Trend } from 'k6/metrics';

export const smoke = __ENV.SMOKE === '1';
export const services = Number(__ENV.SERVICES);

const cold = new Trend('cold', true);
const warm = new Trend('warm', true);
const held = new Trend('held', true);

// Milliseconds that Rouse says it held the request; undefined when it didn't.
function hold(response) {
  const timing = response.headers['Server-Timing'] || '';
  const found = /rouse-hold;dur=([0-9.]+)/.exec(timing);
  return found ? Number(found[1]) : undefined;
}

// Asks service `at` for `bytes` after `latency` ms; with `body` as a POST that is echoed.
export function ask(at, { bytes, latency = 0, body } = {}) {
  const params = {
    headers: { Host: `s${at}.load.example.com` },
    timeout: '90s',
    tags: { name: 'service' },
  };
  const response =
    body === undefined
      ? http.get(`${__ENV.GATEWAY}/?bytes=${bytes}&latency=${latency}ms`, params)
      : http.post(`${__ENV.GATEWAY}/echo?latency=${latency}ms`, body, params);
  check(response, {
    'status is 200': (r) => r.status === 200,
    'the body is whole': (r) => r.body !== null && r.body.length === (body === undefined ? bytes : body.length),
  });
  const wait = hold(response);
  if (wait === undefined) {
    warm.add(response.timings.duration);
  } else {
    cold.add(response.timings.duration);
    held.add(wait);
  }
  return response;
}

// No request may fail, and none may answer wrongly: that is every scenario's promise.
export const promises = {
  http_req_failed: ['rate==0'],
  checks: ['rate==1'],
};

export const trends = ['count', 'min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'];

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data), stdout: JSON.stringify(data.metrics, null, 1) };
}
