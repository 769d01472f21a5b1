/**
 * COPY FROM STDIN of what is in memory.
 * @param {import('pg').Client} client @param {string} statement @param {Buffer} data
 * @returns {Promise<void>}
 */
export function copyIn(client, statement, data) {
  return new Promise((resolve, reject) => {
    /** @type {unknown} */
    let failure;
    const copy = {
      submit: (/** @type {any} */ connection) => connection.query(statement),
      handleCopyInResponse: (/** @type {any} */ connection) => {
        connection.sendCopyFromChunk(data);
        connection.endCopyFrom();
      },
      handleError: (/** @type {unknown} */ error) => {
        failure = error;
      },
      handleReadyForQuery: () => (failure === undefined ? resolve() : reject(failure)),
      handleRowDescription: nothing,
      handleDataRow: nothing,
      handleCommandComplete: nothing,
      handleEmptyQuery: nothing,
      handlePortalSuspended: nothing,
    };
    client.query(/** @type {any} */ (copy));
  });
}

function nothing() {
  return undefined;
}
