using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StreamDiff.Fleet.Tests.Support;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests;

/// <summary>Mutual TLS between fronts and workers.</summary>
public sealed class TlsTests
{
    [Fact]
    [Trait("Category", "Slow")]
    public async Task Worker_WithACertificateOfTheFleets_Joins_AndOneWithAnotherDoesNot()
    {
        using var folder = new TempFolder();
        var ours = Authority(folder, "ours");
        Authority(folder, "others");
        string[] tls = ["--tls-cert", folder["ours.pem"], "--tls-ca", folder["ours-ca.pem"]];
        await using var fleet = await TestFleet.Start(20, tls);
        // Says that it has joined.
        _ = await fleet.StartWorker();
        var stranger = fleet.StrangeWorker("--tls-cert", folder["others.pem"], "--tls-ca", folder["others-ca.pem"]);
        var bare = fleet.StrangeWorker();
        await fleet.Until(
            () => Task.FromResult(Tried(stranger) && Tried(bare)), "they have tried");
        Assert.DoesNotContain(stranger.Lines.Concat(bare.Lines), l => l.Contains("has joined", StringComparison.Ordinal));
        Assert.True(File.Exists(ours));
    }

    private static bool Tried(FleetProcess worker) =>
        worker.Lines.Any(l => l.Contains("failed", StringComparison.OrdinalIgnoreCase)
            || l.Contains("does not answer", StringComparison.Ordinal));

    // An authority, and a certificate that it has signed.
    private static string Authority(TempFolder folder, string name)
    {
        var (begin, end) = (DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var root = new CertificateRequest($"CN={name} authority", rootKey, HashAlgorithmName.SHA256);
        root.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = root.CreateSelfSigned(begin, end);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var signed = request.Create(authority, begin.AddDays(1), end.AddDays(-1), [1, 2, 3, 4]);
        _ = folder.Write($"{name}-ca.pem", authority.ExportCertificatePem());
        return folder.Write($"{name}.pem", $"{signed.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
    }
}
