/** What sources need of this machine. */
export interface ScanHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute folder in which folders are made for the time of a scan. */
  readonly temporary: string;
  /** `buildx-plan/1.2.3`, for what is asked over the network. */
  readonly userAgent: string;
}
