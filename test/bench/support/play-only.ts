import type { Page } from 'playwright-core';

/** Where a camera's picture stands on the page, in pixels. */
export interface Place {
  camera: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

/** What is used of the page; there are no DOM types here. */
interface VideoElement {
  autoplay: boolean;
  muted: boolean;
  style: Record<string, string>;
}
declare const document: {
  createElement(name: 'video'): VideoElement;
  body: { append(element: VideoElement): void };
};
declare const window: { viewers?: unknown[] };

/**
 * Makes a page of the console's server that plays cameras in these places with the console's own viewer, and does nothing else.
 * The document is the server's answer to an unknown path: Chromium lets no page of another making talk to loopback.
 */
export async function openPlayOnly(page: Page, url: string, places: Place[]): Promise<void> {
  await page.goto(`${url}play-only`);
  await page.addScriptTag({ url: '/kvs-webrtc.min.js' });
  await page.evaluate(play, places);
}

/** Runs in the page. */
async function play(places: Place[]): Promise<void> {
  const module = '/viewer.js';
  const { Viewer } = await import(module);
  // Nothing else holds them.
  window.viewers = await Promise.all(
    places.map(async ({ camera, ...place }) => {
      const video = document.createElement('video');
      video.autoplay = video.muted = true;
      Object.assign(video.style, { position: 'absolute', objectFit: 'contain' });
      for (const [side, pixels] of Object.entries(place)) video.style[side] = `${pixels}px`;
      document.body.append(video);
      const response = await fetch(`/api/viewer/${camera}`, { method: 'POST' });
      const viewer = new Viewer(await response.json(), video);
      viewer.start();
      return viewer;
    }),
  );
}
