#!/usr/bin/python3
"""Writes the archives of tests/data/analyze/java-archive."""
import io
import struct
import zipfile
from pathlib import Path

HERE = Path(__file__).parent / "java-archive"


def jar(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, method)
    return out.getvalue()


def pom(group, artifact, version):
    return f"META-INF/maven/{group}/{artifact}/pom.properties", f"#Generated\nversion={version}\ngroupId={group}\nartifactId={artifact}\n"


def manifest(text):
    return "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n" + text.replace("\n", "\r\n") + "\r\n"


def put(path, data):
    file = HERE / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def pom_xml(folder, text):
    return f"META-INF/maven/{folder}/pom.xml", f"<project>{text}</project>"


def main():
    inner = jar([pom("org.inner", "inner", "2.0")])
    put("every_pom_of_a_shaded_jar/layer/app/shaded-1.0.jar", jar([pom("org.a", "shaded", "1.0"), pom("com.google.guava", "guava", "31.1-jre"), ("A.class", b"\xca\xfe")]))
    put("inner_archives_stored_and_deflated/layer/app/boot.jar", jar([pom("org.a", "boot", "1"), ("BOOT-INF/lib/inner-2.0.jar", inner)], zipfile.ZIP_STORED))
    put("inner_archives_stored_and_deflated/layer/app/shop.war", jar([("WEB-INF/lib/x.jar", jar([pom("org.x", "x", "1"), ("lib/y.jar", jar([pom("org.y", "y", "1")]))]))]))
    put("an_executable_jar_begins_with_a_script/layer/app/run.jar", b"#!/bin/bash\nexec java -jar \"$0\"\n" + inner)
    put("without_pom_no_group_is_invented/layer/lib/spring-web-5.3.26.jar", jar([manifest("Implementation-Title: Spring Web\nImplementation-Vendor-Id: org.springframework\n")]))
    put("without_pom_no_group_is_invented/layer/lib/netty-4.1.94.Final-linux-x86_64.jar", jar([("a", "b")]))
    put("without_pom_no_group_is_invented/layer/lib/bundle.jar", jar([manifest("Bundle-SymbolicName: org.eclipse.osgi;singl\n eton:=true\nBundle-Version: 3.18\n .0\nBundle-License: EPL-2.0\n")]))
    put("without_pom_no_group_is_invented/layer/lib/unknown.jar", jar([("a", "b")]))
    put("a_pom_without_group_or_with_a_variable_is_none/layer/lib/a-1.0.jar", jar([("META-INF/maven/a/b/pom.properties", "artifactId=b\nversion=1\n"), pom("g", "c", "${revision}")]))
    put("a_pom_xml_counts_where_no_properties_lie_beside_it/layer/lib/x-1.0.jar", jar([
        pom_xml("org.a/alone", "<groupId>org.a</groupId><artifactId>alone</artifactId><version>${v}</version><properties><v>1.5</v></properties>"),
        pom_xml("org.a/child", "<parent><groupId>org.a</groupId><artifactId>p</artifactId><version>2.0</version></parent><artifactId>child</artifactId>"),
        pom_xml("org.a/twice", "<groupId>org.a</groupId><artifactId>twice</artifactId><version>other</version>"), pom("org.a", "twice", "3.0"),
        pom_xml("org.a/unknown", "<groupId>org.a</groupId><artifactId>unknown</artifactId><version>${revision}</version>"),
        pom_xml("org.a/broken", "<groupId>"),
        ("archetype-resources/pom.xml", "<project><groupId>no</groupId><artifactId>no</artifactId><version>1</version></project>")]))
    deep = jar([pom("org.deep", "deep", "1")])
    for _ in range(14):
        put("a_pom_xml_counts_where_no_properties_lie_beside_it/layer/lib/x-1.0.jar", jar([
        pom_xml("org.a/alone", "<groupId>org.a</groupId><artifactId>alone</artifactId><version>${v}</version><properties><v>1.5</v></properties>"),
        pom_xml("org.a/child", "<parent><groupId>org.a</groupId><artifactId>p</artifactId><version>2.0</version></parent><artifactId>child</artifactId>"),
        pom_xml("org.a/twice", "<groupId>org.a</groupId><artifactId>twice</artifactId><version>other</version>"), pom("org.a", "twice", "3.0"),
        pom_xml("org.a/unknown", "<groupId>org.a</groupId><artifactId>unknown</artifactId><version>${revision}</version>"),
        pom_xml("org.a/broken", "<groupId>"),
        ("archetype-resources/pom.xml", "<project><groupId>no</groupId><artifactId>no</artifactId><version>1</version></project>")]))
    deep = jar([("x.jar", deep)])
    put("too_deep_is_noted/layer/app/deep.jar", deep)
    put("damaged_is_skipped/layer/app/no.jar", b"not a zip at all, but long enough for an end record")
    put("damaged_is_skipped/layer/app/cut.jar", inner[:-30])
    broken = bytearray(jar([pom("org.a", "a", "1"), ("lib/in.jar", b"no zip")]))
    put("damaged_is_skipped/layer/app/inner.jar", bytes(broken))
    far = bytearray(inner)
    at = far.rindex(b"PK\1\2")
    struct.pack_into("<I", far, at + 42, 0x7FFFFFF0)
    put("damaged_is_skipped/layer/app/far.jar", bytes(far))


main()
