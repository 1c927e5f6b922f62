/** Milliseconds since 1970. */
export interface Span {
  from: number;
  to: number;
}

/** How long two spans overlap, in milliseconds; zero when they do not. */
export declare function overlap(a: Span, b: Span): number;
