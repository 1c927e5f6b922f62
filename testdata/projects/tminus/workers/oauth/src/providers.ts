export interface Provider {
  name: "google" | "microsoft";
  authorize: string;
  scope: string;
  clientIdName: "GOOGLE_CLIENT_ID" | "MS_CLIENT_ID";
  /** What this provider needs beyond the standard's own parameters. */
  extra: Record<string, string>;
}

export const providers: Provider[] = [
  {
    name: "google",
    authorize: "https://accounts.google.com/o/oauth2/v2/auth",
    scope: "openid email https://www.googleapis.com/auth/calendar",
    clientIdName: "GOOGLE_CLIENT_ID",
    extra: { access_type: "offline", prompt: "consent" },
  },
  {
    name: "microsoft",
    authorize: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    scope: "openid email offline_access Calendars.ReadWrite",
    clientIdName: "MS_CLIENT_ID",
    extra: { response_mode: "query" },
  },
];
