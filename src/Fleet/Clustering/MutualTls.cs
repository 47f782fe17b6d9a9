using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Orleans.Connections.Security;

namespace StreamDiff.Fleet.Clustering;

/// <summary>Both sides show a certificate that one authority has signed; names are not looked at, since pods have none that last.</summary>
internal static class MutualTls
{
    public static void Apply(TlsOptions options, FleetTls files)
    {
        using var pem = X509Certificate2.CreateFromPemFile(files.Certificate, files.Certificate);
        // SslStream wants a key that the system's store could hold.
        var own = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
        var authority = X509CertificateLoader.LoadCertificateFromFile(files.Authority);
        options.LocalCertificate = own;
        options.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.RemoteCertificateValidation = (certificate, _, _) => IsSigned(certificate, authority);
        options.OnAuthenticateAsClient = (_, client) =>
        {
            client.TargetHost = own.GetNameInfo(X509NameType.DnsName, false);
            client.LocalCertificateSelectionCallback = (_, _, _, _, _) => own;
        };
    }

    private static bool IsSigned(X509Certificate2 certificate, X509Certificate2 authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        _ = chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }
}
