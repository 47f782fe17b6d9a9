// Shows the studio's own description of its interface; nothing comes from another host.
Scalar.createApiReference('#api', {
  url: 'openapi/v1.json',
  withDefaultFonts: false,
  telemetry: false,
  showDeveloperTools: 'never',
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
});
