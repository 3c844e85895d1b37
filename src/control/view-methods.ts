import type { JsonObject } from '../config/layers.ts';
import { ControlError } from './control-message.ts';
import type { ControlledViewer, Method } from './control.ts';

/** What a viewer can do with its own view. */
export interface ViewingViewer extends ControlledViewer {
  /** Best first; which one is shown, and what was chosen: a name or `auto`. */
  renditions(): JsonObject;
  /** False where there is no such rendition. */
  choose(rendition: string): boolean;
  /** Sends the current picture anew, within the limits that hold for every such request. */
  requestKeyframe(): void;
  pause(): void;
  resume(): void;
  statistics(): JsonObject;
}

/** Methods that change nothing but the viewer's own view. */
export function viewMethods(): Record<string, Method<ViewingViewer>> {
  const view = (run: (viewer: ViewingViewer, params: JsonObject) => JsonObject): Method<ViewingViewer> => ({
    permission: 'view',
    run: (viewer, params) => ({ result: run(viewer, params) }),
  });
  return {
    renditions: view((viewer) => viewer.renditions()),
    choose: view((viewer, { rendition }) => {
      if (typeof rendition !== 'string' || !viewer.choose(rendition))
        throw new ControlError('bad-params', 'rendition: "auto" or the name of a rendition');
      return viewer.renditions();
    }),
    keyframe: view((viewer) => {
      viewer.requestKeyframe();
      return {};
    }),
    statistics: view((viewer) => viewer.statistics()),
    pause: view((viewer) => {
      viewer.pause();
      return {};
    }),
    resume: view((viewer) => {
      viewer.resume();
      return {};
    }),
  };
}
