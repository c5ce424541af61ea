"""Who does it later: the relay, the lanes, the jobs. The only place that imports arq and firebase-admin."""
