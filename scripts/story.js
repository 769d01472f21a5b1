// `npm run story`: plays alice -> web_app -> my_gateway -> address_service against the running
// service and checks that every token and the audit log tell it right.
//
//   node scripts/story.js [--demo FILE]
import { readDemo } from './story/demo-file.js';
import { Expectations } from './story/expectations.js';
import { Page } from './story/page.js';
import { play } from './story/play.js';
import { Service, StoryStop } from './story/service.js';

process.exitCode = await tell(new Page(process.stdout));

/** @returns {Promise<number>} the exit code */
async function tell(page) {
  const expectations = new Expectations();
  try {
    const demo = await readDemo(process.argv.slice(2));
    const service = new Service(demo);
    await service.checkThatItRuns();
    await play(service, page, expectations);
  } catch (error) {
    // What is known to go wrong is one sentence; anything else is a mistake and keeps its stack.
    if (!(error instanceof StoryStop)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  page.verdict(expectations.differences, expectations.held);
  return expectations.differences.length === 0 ? 0 : 1;
}
