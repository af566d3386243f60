/** What text can look like. Names say what it means, not which colour it is. */
export interface Style {
  strong(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
  /** Something to paste or to open. */
  accent(text: string): string;
}
