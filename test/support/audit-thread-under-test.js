// The thread that writes records, as it is built, with an end that tests can ask for.
import { parentPort } from 'node:worker_threads';

await import('../../dist/typeorm/audit-thread-entry.js');

// After that of the thread: the first listener sets the messages going.
parentPort?.on('message', ({ kind, records = [] }) => {
  const text = records.join();
  if (text.includes('the thread ends here')) process.exit(3);
  if (text.includes('the thread hangs here'))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (kind === 'forget')
    parentPort?.postMessage({ kind: 'log', level: 'log', context: 'test', message: 'forgets' });
});
