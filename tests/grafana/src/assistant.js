/** A button of the query editor, which no dashboard shows; its package is not needed. */
export const QueryWithAssistantButton = () => null;
