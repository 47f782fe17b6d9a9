using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace StreamDiff.Client;

/// <summary>
/// Signs what webhooks send, and checks it: the header <c>StreamDiff-Signature: t=SECONDS,v1=HEX</c>, HMAC-SHA256 over
/// <c>SECONDS.BODY</c> with the webhook's secret.
/// </summary>
public static class WebhookSignature
{
    /// <summary>Name of the header.</summary>
    public const string Header = "StreamDiff-Signature";

    /// <summary>The header's value.</summary>
    public static string Sign(string secret, string body, DateTimeOffset at)
    {
        var seconds = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"t={seconds},v1={Convert.ToHexStringLower(Hash(secret, seconds, body))}";
    }

    /// <summary>True for a body that was signed with the secret not long ago.</summary>
    /// <param name="secret">The webhook's.</param>
    /// <param name="body">As it came.</param>
    /// <param name="header">The header's value.</param>
    /// <param name="now">The time.</param>
    /// <param name="tolerance">How old it may be. Default: five minutes.</param>
    public static bool IsValid(string secret, string body, string? header, DateTimeOffset now, TimeSpan? tolerance = null)
    {
        var parts = (header ?? "").Split(',');
        if (parts.Length != 2 || !parts[0].StartsWith("t=", StringComparison.Ordinal)
            || !parts[1].StartsWith("v1=", StringComparison.Ordinal)
            || !long.TryParse(parts[0].AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || Math.Abs(now.ToUnixTimeSeconds() - seconds) > (tolerance ?? TimeSpan.FromMinutes(5)).TotalSeconds)
            return false;
        var given = Encoding.ASCII.GetBytes(parts[1][3..]);
        var wanted = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Hash(secret, parts[0][2..], body)));
        return CryptographicOperations.FixedTimeEquals(given, wanted);
    }

    private static byte[] Hash(string secret, string seconds, string body) =>
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{seconds}.{body}"));
}
