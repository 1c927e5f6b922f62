const answer = await fetch("/health").catch(() => null);
const body = await answer?.json().catch(() => null);
document.getElementById("status").textContent = body?.data?.status ?? "not answering";
