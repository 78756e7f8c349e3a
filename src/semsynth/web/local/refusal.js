/** Why something cannot be done: a sentence, and a code where the page can do something about it. */
export class Refusal extends Error {
  /**
   * @param {string} sentence
   * @param {number} [status] as the server's
   * @param {string} [code]
   */
  constructor(sentence, status = 400, code = "") {
    super(sentence);
    this.status = status;
    this.code = code;
  }
}
