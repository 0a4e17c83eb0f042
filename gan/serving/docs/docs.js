// Not in the page itself: its Content-Security-Policy runs no script that is written into it.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", validatorUrl: null });
