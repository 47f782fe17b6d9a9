namespace StreamDiff.Server.Webhooks;

/// <summary>A webhook as it is kept.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Url">Where it sends to.</param>
/// <param name="Secret">Signs what it sends.</param>
/// <param name="Events">Kinds of events.</param>
/// <param name="Sessions">Names of sessions; null for all.</param>
public sealed record Webhook(string Name, string Url, string Secret, IReadOnlyList<string> Events, IReadOnlyList<string>? Sessions = null);
