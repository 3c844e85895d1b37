import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyFor } from '../../../src/iot/proxy.ts';
import { matchesTopic } from '../../../src/iot/topic-filter.ts';

// The examples of MQTT 5 sections 4.7.1 and 4.7.2.
const TOPICS: [filter: string, topic: string, matches: boolean][] = [
  ['sport/tennis/player1/#', 'sport/tennis/player1', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
  ['sport/tennis/player1/#', 'sport/tennis/player2', false],
  ['sport/tennis/+', 'sport/tennis/player1', true],
  ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['+/+', '/finance', true],
  ['/+', '/finance', true],
  ['+', '/finance', false],
  ['#', 'a/b', true],
  ['#', '$SYS/a', false],
  ['+/monitor/Clients', '$SYS/monitor/Clients', false],
  ['$SYS/#', '$SYS/monitor', true],
  ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
  ['a/b', 'a/B', false],
];

test('topic filters match as MQTT says', () => {
  for (const [filter, topic, expected] of TOPICS) {
    assert.equal(matchesTopic(filter, topic), expected, `${filter} ${topic}`);
  }
});

test('the proxy is taken from the environment as curl takes it', () => {
  const HTTPS_PROXY = 'http://proxy:3128';
  const cases: [host: string, env: Record<string, string>, proxy: string | undefined][] = [
    ['a.example.com', {}, undefined],
    ['a.example.com', { HTTPS_PROXY }, HTTPS_PROXY],
    ['a.example.com', { https_proxy: 'proxy:3128' }, 'http://proxy:3128'],
    ['a.example.com', { HTTP_PROXY: 'http://other:1' }, undefined],
    ['a.example.com', { ALL_PROXY: HTTPS_PROXY }, HTTPS_PROXY],
    ['a.example.com', { HTTPS_PROXY, NO_PROXY: '*' }, undefined],
    ['a.example.com', { HTTPS_PROXY, NO_PROXY: 'localhost, example.com' }, undefined],
    ['a.example.com', { HTTPS_PROXY, no_proxy: '.example.com' }, undefined],
    ['a.example.com', { HTTPS_PROXY, NO_PROXY: 'ample.com' }, HTTPS_PROXY],
    ['A.Example.com', { HTTPS_PROXY, NO_PROXY: 'a.example.COM' }, undefined],
    ['10.1.2.3', { HTTPS_PROXY, NO_PROXY: '10.1.2.3' }, undefined],
  ];
  for (const [host, env, proxy] of cases)
    assert.equal(proxyFor(host, env), proxy, JSON.stringify([host, env]));
});
