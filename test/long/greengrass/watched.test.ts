import { describe } from 'node:test';
import { describeWatched } from '../../e2e/support/watched-component.ts';

for (const personality of ['classic', 'lite'] as const)
  describe(`a component that is watched, on ${personality}: its viewers come back by themselves`, () =>
    describeWatched(personality, true));
